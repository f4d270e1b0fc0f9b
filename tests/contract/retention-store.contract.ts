import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JobRecord } from "../../server/job/job-record.ts";
import { LOG_START, type LogStore } from "../../server/log/log-store.ts";
import type { RetentionStore } from "../../server/retention/retention-store.ts";
import type { RunStore } from "../../server/workflow/run-store.ts";
import { newId } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { packLines } from "../../shared/packed-lines.ts";
import { jobOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

export interface RetentionStores extends ControlPlaneStores {
  logs: LogStore;
  retention: RetentionStore;
  runs: RunStore;
}

const BUSINESS = "biz";

/** What every store promises about deletion. `open` gives an empty store. */
export function retentionStoreContract(name: string, open: () => Promise<RetentionStores>) {
  describe(`${name}: retention`, () => {
    let stores: RetentionStores;
    /** Later than everything the test creates. */
    const laterMs = () => Date.now() + 1_000;

    beforeEach(async () => {
      stores = await open();
    });
    afterEach(() => stores.close());

    async function insert(job: JobRecord): Promise<JobRecord> {
      await stores.jobs.insert([{ job, idempotency: { key: job.jobId, bodyHash: "x" } }]);
      return job;
    }

    const submitted = (
      status: JobStatus = "SUCCESS",
      manifest: Partial<JobManifestInput> = {},
      more: Partial<JobRecord> = {},
    ) => {
      const finishedAtMs = ["QUEUED", "RUNNING", "ASSIGNED"].includes(status) ? undefined : Date.now();
      return insert({ ...jobOf(BUSINESS, manifest), status, attempt: 1, finishedAtMs, ...more }).then(
        // A store records how a job ended only on a change.
        async (job) => {
          await stores.jobs.change([
            { key: { jobId: job.jobId, businessId: BUSINESS }, decide: () => ({ job, result: undefined }) },
          ]);
          return job;
        },
      );
    };

    async function writeLog(jobId: string, attempt: number, lines: number): Promise<string> {
      const executionId = newId("exe");
      const at = new Date().toISOString();
      for (let seq = 1; seq <= lines; seq++) {
        const line = { seq, stream: "stdout" as const, at, text: `line ${seq}` };
        await stores.logs.append([
          { businessId: BUSINESS, jobId, executionId, attempt, ...packLines([line]) },
        ]);
      }
      return executionId;
    }

    async function writeRun(jobId: string): Promise<string> {
      const executionId = newId("exe");
      const request = { path: "ci.yml", event: "push" };
      const run = { businessId: BUSINESS, jobId, executionId, attempt: 1, request, from: 0 };
      await stores.runs.append({ ...run, events: [{ type: "job", job: { key: "build" } }] });
      return executionId;
    }

    const readLog = (jobId: string) =>
      stores.logs.read({ businessId: BUSINESS, jobId, after: LOG_START, limit: 1_000 });
    const remove = (...jobIds: string[]) => stores.retention.deleteJobs(BUSINESS, jobIds, Date.now());
    const find = (jobId: string) => stores.jobs.find(BUSINESS, jobId);

    test("a job that is over is deleted with its log, its workflow run and its key; other jobs stay", async () => {
      const [gone, kept] = [await submitted(), await submitted("FAILED")];
      const runs = [await writeRun(gone.jobId), await writeRun(kept.jobId)];
      await writeLog(gone.jobId, 1, 40);
      await writeLog(kept.jobId, 1, 3);
      expect(await remove(gone.jobId)).toEqual(["deleted"]);
      expect(await find(gone.jobId)).toBeUndefined();
      expect(await Promise.all(runs.map((one) => stores.runs.find(one)))).toEqual([
        undefined,
        expect.objectContaining({ jobId: kept.jobId }),
      ]);
      expect(await stores.jobs.isKeyUsed(gone, gone.jobId)).toBe(false);
      expect(await stores.retention.finishRemovals()).toBe(false);
      expect(await readLog(gone.jobId)).toEqual([]);
      expect(await stores.retention.removedLog(BUSINESS, gone.jobId)).toBeUndefined();
      expect(await find(kept.jobId)).toMatchObject({ status: "FAILED" });
      expect(await readLog(kept.jobId)).toHaveLength(3);
      expect(await remove(gone.jobId)).toEqual(["not-found"]);
    });

    test("a job that is not over stays, and a job of another business is not found", async () => {
      const open = await submitted("QUEUED");
      const over = await submitted();
      expect(await stores.retention.deleteJobs("other", [over.jobId], Date.now())).toEqual(["not-found"]);
      expect(await remove(open.jobId, over.jobId)).toEqual(["open", "deleted"]);
      expect(await find(open.jobId)).toBeDefined();
    });

    test("a job stays until the jobs that wait for it are over", async () => {
      const first = await submitted("FAILED");
      const after = [{ jobId: first.jobId, on: "failure" as const }];
      const next = await submitted("QUEUED", { after }, { gate: "after" });
      expect(await remove(first.jobId)).toEqual(["needed"]);
      await stores.jobs.change([
        {
          key: { jobId: next.jobId, businessId: BUSINESS },
          decide: () => ({
            job: { ...next, status: "CANCELLED", gate: undefined, finishedAtMs: Date.now() },
            result: undefined,
          }),
        },
      ]);
      expect(await remove(first.jobId)).toEqual(["deleted"]);
    });

    test("a job stays until the jobs that take its files or results are over, also while they wait for a node or run", async () => {
      const source = await submitted("SUCCESS", { outputs: ["dist/**"] });
      const takes: Partial<JobManifestInput>[] = [
        { inputs: [{ from: `job:${source.jobId}` }] },
        { envFrom: [source.jobId] },
      ];
      for (const manifest of takes) {
        const after = [{ jobId: source.jobId }];
        const taker = await submitted("QUEUED", { ...manifest, after }, { gate: "after" });
        for (const status of ["QUEUED", "RUNNING", "SUCCESS"] as const) {
          expect(await remove(source.jobId)).toEqual(["needed"]);
          const job = {
            ...taker,
            status,
            gate: undefined,
            finishedAtMs: status === "SUCCESS" ? Date.now() : undefined,
          };
          const key = { jobId: taker.jobId, businessId: BUSINESS };
          await stores.jobs.change([{ key, decide: () => ({ job, result: undefined }) }]);
        }
      }
      expect(await remove(source.jobId)).toEqual(["deleted"]);
    });

    test("an array is deleted with its jobs, which are never deleted without it", async () => {
      const array = await submitted("SUCCESS", { array: "1-2" });
      const members = [
        await submitted("SUCCESS", {}, { arrayId: array.jobId }),
        await submitted("RUNNING", {}, { arrayId: array.jobId }),
      ];
      const [first, second] = members.map((one) => one.jobId) as [string, string];
      expect(await remove(first, array.jobId)).toEqual(["in-array", "open"]);
      await stores.jobs.change([
        {
          key: { jobId: second, businessId: BUSINESS },
          decide: (state) => ({
            job: state && { ...state.job, status: "FAILED", finishedAtMs: Date.now() },
            result: undefined,
          }),
        },
      ]);
      expect(await remove(array.jobId)).toEqual(["deleted"]);
      expect(await Promise.all([array.jobId, first, second].map(find))).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    });

    test("jobs that ended before a time are found, oldest first, in portions", async () => {
      const old = [await submitted(), await submitted("TIMEOUT"), await submitted("CANCELLED")];
      await submitted("RUNNING");
      const query = { endedBeforeMs: laterMs(), afterJobId: undefined, limit: 2 };
      const page = await stores.retention.endedJobs(query);
      expect(page.map((job) => job.jobId)).toEqual(old.slice(0, 2).map((job) => job.jobId));
      const rest = await stores.retention.endedJobs({ ...query, afterJobId: page[1]?.jobId });
      expect(rest.map((job) => job.jobId)).toEqual([old[2]?.jobId ?? ""]);
      expect(await stores.retention.endedJobs({ ...query, endedBeforeMs: Date.now() - 60_000 })).toEqual([]);
    });

    test("only ended jobs that have a log are found for log removal", async () => {
      const [quiet, loud, running] = [await submitted(), await submitted(), await submitted("RUNNING")];
      await writeLog(loud.jobId, 1, 2);
      await writeLog(running.jobId, 1, 2);
      const query = { endedBeforeMs: laterMs(), afterJobId: undefined, limit: 10 };
      const found = await stores.retention.endedLogs(query);
      expect(found.map((job) => job.jobId)).toEqual([loud.jobId]);
      expect(found.some((job) => job.jobId === quiet.jobId)).toBe(false);
    });

    test("removing a log returns its number of lines; lines of a later attempt stay", async () => {
      const job = await submitted();
      await writeLog(job.jobId, 1, 70);
      const query = { endedBeforeMs: laterMs(), afterJobId: undefined, limit: 10 };
      const [found] = await stores.retention.endedLogs(query);
      await stores.retention.removeLogs(found ? [found] : [], 1_000);
      await stores.jobs.change([
        {
          key: { jobId: job.jobId, businessId: BUSINESS },
          decide: () => ({
            job: { ...job, status: "RUNNING", attempt: 2, finishedAtMs: undefined },
            result: undefined,
          }),
        },
      ]);
      await writeLog(job.jobId, 2, 3);
      while (await stores.retention.finishRemovals());
      expect((await readLog(job.jobId)).map(({ attempt, seq }) => [attempt, seq])).toEqual([
        [2, 1],
        [2, 2],
        [2, 3],
      ]);
      expect(await stores.retention.removedLog(BUSINESS, job.jobId)).toEqual({ atMs: 1_000, lines: 70 });
      expect(await stores.retention.removedLog("other", job.jobId)).toBeUndefined();
      // The job runs again, so its log is not old.
      await stores.retention.removeLogs(found ? [found] : [], 2_000);
      await stores.retention.finishRemovals();
      expect(await readLog(job.jobId)).toHaveLength(3);
    });

    test("of a concurrent deletion and retry of one job one wins, and nothing is left half done", async () => {
      for (let round = 0; round < 10; round++) {
        const job = await submitted("FAILED");
        const [[outcome], [retried]] = await Promise.all([
          remove(job.jobId),
          stores.jobs.change<boolean>([
            {
              key: { jobId: job.jobId, businessId: BUSINESS },
              decide: (state) =>
                state
                  ? { job: { ...state.job, status: "QUEUED", finishedAtMs: undefined }, result: true }
                  : { result: false },
            },
          ]),
        ]);
        expect([outcome, retried]).toEqual(retried ? ["open", true] : ["deleted", false]);
        expect((await find(job.jobId))?.status).toBe(retried ? "QUEUED" : undefined);
      }
    });

    test("usage grows with the stored data, and is reported in detail", async () => {
      const before = await stores.retention.usedBytes();
      const job = await submitted();
      const executionId = newId("exe");
      const text = "x".repeat(30_000);
      const at = new Date().toISOString();
      const lines = Array.from({ length: 20 }, (_, i) => ({
        seq: i + 1,
        stream: "stdout" as const,
        at,
        text,
      }));
      await stores.logs.append([
        { businessId: BUSINESS, jobId: job.jobId, executionId, attempt: 1, ...packLines(lines) },
      ]);
      expect(await stores.retention.usedBytes()).toBeGreaterThan(before + 500_000);
      const usage = await stores.retention.usage();
      expect(usage).toMatchObject({ jobs: 1, executions: 0 });
      expect(usage.logBytes).toBeGreaterThan(600_000);
    });
  });
}
