import { afterEach, beforeEach, expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { packLines } from "../../shared/packed-lines.ts";
import { jobOf } from "../../tests/contract/control-plane.contract.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import type { Stores } from "../compose/stores.ts";
import { LOG_START } from "../log/log-store.ts";
import { retentionTask, settledClock } from "./retention-task.ts";
import { DEFAULT_RETENTION, type RetentionSettings } from "./settings.ts";

const DAY_MS = 24 * 3_600_000;
const BUSINESS = "biz";

let stores: Stores;
beforeEach(() => {
  stores = openSqliteStores(":memory:");
});
afterEach(() => stores.close());

async function endedJob(textLength = 10): Promise<string> {
  const job = { ...jobOf(BUSINESS), status: "SUCCESS" as const, attempt: 1, finishedAtMs: Date.now() };
  const { jobId } = job;
  await stores.jobs.insert([{ job, idempotency: undefined }]);
  await stores.jobs.change([
    { key: { jobId, businessId: BUSINESS }, decide: () => ({ job, result: undefined }) },
  ]);
  const at = new Date().toISOString();
  const line = { seq: 1, stream: "stdout" as const, at, text: "x".repeat(textLength) };
  await stores.logs.append([
    { businessId: BUSINESS, jobId, executionId: newId("exe"), attempt: 1, ...packLines([line]) },
  ]);
  return jobId;
}

/** Runs the task at `afterMs` from now until it has nothing more to do immediately. */
async function pass(afterMs: number, settings: Partial<RetentionSettings> = {}, isSettled = true) {
  const log = { info() {}, warn() {}, error() {} };
  const task = retentionTask({
    retention: stores.retention,
    settings: { ...DEFAULT_RETENTION, ...settings },
    log,
    isClockSettled: () => isSettled,
  });
  const nowMs = Date.now() + afterMs;
  while ((await task.runOnce(nowMs)).nextDueAtMs !== undefined);
}

const hasJob = async (jobId: string) => (await stores.jobs.find(BUSINESS, jobId)) !== undefined;
const logLines = async (jobId: string) =>
  (await stores.logs.read({ businessId: BUSINESS, jobId, after: LOG_START, limit: 10 })).length;

test("a log is removed after its time, and its job after a longer time", async () => {
  const jobId = await endedJob();
  await pass(89 * DAY_MS);
  expect([await hasJob(jobId), await logLines(jobId)]).toEqual([true, 1]);
  await pass(91 * DAY_MS);
  expect([await hasJob(jobId), await logLines(jobId)]).toEqual([true, 0]);
  await pass(366 * DAY_MS);
  expect([await hasJob(jobId), await logLines(jobId)]).toEqual([false, 0]);
});

test("jobs and logs that are kept forever stay", async () => {
  const jobId = await endedJob();
  await pass(10_000 * DAY_MS, { keepJobsMs: undefined, keepLogsMs: undefined });
  expect([await hasJob(jobId), await logLines(jobId)]).toEqual([true, 1]);
});

test("nothing is too old while the clock was only just set", async () => {
  const jobId = await endedJob();
  await pass(10_000 * DAY_MS, {}, false);
  expect(await hasJob(jobId)).toBe(true);

  let monotonicMs = 0;
  const isSettled = settledClock(() => monotonicMs);
  expect(isSettled(1_000_000)).toBe(false);
  monotonicMs = 3_600_000;
  expect(isSettled(1_000_000 + 3_600_000)).toBe(true);
  expect(isSettled(1_000_000 + 3_600_000 + DAY_MS)).toBe(false);
  monotonicMs += 3_600_000;
  expect(isSettled(1_000_000 + 7_200_000 + DAY_MS)).toBe(true);
});

test("if the store holds too much, the oldest logs are removed until it does not; jobs stay", async () => {
  const jobIds: string[] = [];
  for (let i = 0; i < 60; i++) jobIds.push(await endedJob(30_000));
  const maxStoreBytes = (await stores.retention.usedBytes()) - 500_000;
  await pass(1_000, { maxStoreBytes });
  expect(await stores.retention.usedBytes()).toBeLessThanOrEqual(maxStoreBytes);
  expect(await logLines(jobIds[0] ?? "")).toBe(0);
  expect(await logLines(jobIds.at(-1) ?? "")).toBe(1);
  expect(await hasJob(jobIds[0] ?? "")).toBe(true);
});

test("an old job that cannot be deleted yet does not hold up newer jobs", async () => {
  const array = await endedJob();
  const member = { ...jobOf(BUSINESS), status: "QUEUED" as const, arrayId: array };
  await stores.jobs.insert([{ job: member, idempotency: undefined }]);
  const alone = await endedJob();
  await pass(366 * DAY_MS);
  expect([await hasJob(array), await hasJob(alone)]).toEqual([true, false]);
});
