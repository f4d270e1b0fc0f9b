import { describe, expect, test } from "bun:test";
import type { Stores } from "../../server/compose/stores.ts";
import { applyReport, endExecution, putBack } from "../../server/execution/rules.ts";
import { newJob } from "../../server/job/job-rules.ts";
import { newId } from "../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { ScheduleWorld } from "../support/schedule-world.ts";
import { jobOf, nodeOf, speaker } from "./control-plane.contract.ts";

const NOW_MS = Date.parse("2026-01-01T00:00:00Z");
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const AHEAD_MS = 2 * DAY_MS;

/**
 * What every store promises when its clock was ahead and is corrected: it continues by the correct time. `open` gives two
 * connections to the same empty data.
 */
export function clockContract(name: string, open: () => Promise<Stores[]>): void {
  const opened = async () => {
    const all = await open();
    const stores = all[0] as Stores;
    const close = () => Promise.all(all.map((one) => one.close()));
    return { ...stores, businessId: newId("biz"), [Symbol.asyncDispose]: async () => void (await close()) };
  };
  type Opened = Awaited<ReturnType<typeof opened>>;
  const submit = async (stores: Opened, manifest: Partial<JobManifestInput>, nowMs: number) => {
    const by = { businessId: stores.businessId, userId: "usr" };
    const job = newJob(by, jobManifest.parse({ command: "true", ...manifest }), {}, nowMs);
    await stores.jobs.insert([{ job, idempotency: undefined }]);
    return job;
  };
  const find = (stores: Opened, jobId: string) => stores.jobs.find(stores.businessId, jobId);
  const assign = async (stores: Opened, nowMs: number) => {
    const node = nodeOf(stores.businessId);
    await stores.nodes.insert(node);
    const { businessId } = stores;
    const request = { nodeId: node.nodeId, businessId, limit: 9, nowMs, leaseExpiresAtMs: nowMs + 15_000 };
    return (await stores.assignments.assign([request]))[0] ?? [];
  };

  describe(`${name}: a clock that was ahead and is corrected`, () => {
    test("a node that was heard at the wrong time is lost as soon as any other node", async () => {
      await using stores = await opened();
      const { businessId, nodes } = stores;
      const [ahead, right, little] = [nodeOf(businessId), nodeOf(businessId), nodeOf(businessId)];
      for (const node of [ahead, right, little]) await nodes.insert(node);
      await nodes.heartbeat(ahead.nodeId, NOW_MS + AHEAD_MS, { suspended: false }, speaker);
      await nodes.heartbeat(right.nodeId, NOW_MS - 5_000, { suspended: false }, speaker);
      await nodes.heartbeat(little.nodeId, NOW_MS + 5_000, { suspended: false }, speaker);
      expect(await nodes.bringBack(NOW_MS)).toBe(1);
      expect(await nodes.bringBack(NOW_MS)).toBe(0);
      const heard = async (nodeId: string) => (await nodes.find(businessId, nodeId))?.lastHeartbeatAtMs;
      expect(await heard(ahead.nodeId)).toBe(NOW_MS);
      expect(await heard(right.nodeId)).toBe(NOW_MS - 5_000);
      expect(await heard(little.nodeId)).toBe(NOW_MS + 5_000);
      await nodes.markStale(NOW_MS + 1_000);
      expect((await nodes.find(businessId, ahead.nodeId))?.offline).toBe(true);
    });

    test("a retry and a returned assignment from the wrong time are due immediately; one from today keeps its delay", async () => {
      await using stores = await opened();
      const wait = async (atMs: number, how: "retry" | "putBack") => {
        const { jobId } = await submit(stores, { maxRetries: 5 }, atMs);
        await assign(stores, atMs);
        await stores.jobs.change([
          {
            key: { businessId: stores.businessId, jobId },
            decide: (state) => {
              if (how === "putBack") return putBack(state, "no credit", atMs);
              if (!state?.execution) throw new Error("the node was assigned no job");
              const { job, execution } = state;
              return {
                ...endExecution({ job, execution }, "FAILED", { exitCode: 1 }, atMs, atMs),
                result: undefined,
              };
            },
          },
        ]);
        return { jobId, notBeforeMs: (await find(stores, jobId))?.notBeforeMs };
      };
      const late = [await wait(NOW_MS + AHEAD_MS, "retry"), await wait(NOW_MS + AHEAD_MS, "putBack")];
      const fine = [await wait(NOW_MS, "retry"), await wait(NOW_MS, "putBack")];
      await stores.jobs.bringBack(NOW_MS);
      expect(await stores.jobs.bringBack(NOW_MS)).toBe(0);
      for (const { jobId, notBeforeMs } of fine) {
        expect((await find(stores, jobId))?.notBeforeMs).toBe(notBeforeMs);
      }
      await stores.jobs.promoteDue(NOW_MS);
      for (const { jobId } of late) expect((await find(stores, jobId))?.notBeforeMs).toBeUndefined();
    });

    test("a start time that a person chose stays, and a job waits in the queue no longer than its limit", async () => {
      await using stores = await opened();
      const notBefore = new Date(NOW_MS + 30 * DAY_MS).toISOString();
      const asked = await submit(stores, { notBefore, queueTtlSeconds: 60 }, NOW_MS);
      const late = await submit(stores, { queueTtlSeconds: 60 }, NOW_MS + AHEAD_MS);
      const fine = await submit(stores, { queueTtlSeconds: 7_200 }, NOW_MS);
      await stores.jobs.bringBack(NOW_MS);
      const deadline = async ({ jobId }: { jobId: string }) => (await find(stores, jobId))?.queueDeadlineMs;
      expect((await find(stores, asked.jobId))?.notBeforeMs).toBe(NOW_MS + 30 * DAY_MS);
      expect(await deadline(asked)).toBe(NOW_MS + 30 * DAY_MS + MINUTE_MS);
      expect(await deadline(late)).toBe(NOW_MS + MINUTE_MS);
      expect(await deadline(fine)).toBe(NOW_MS + 2 * HOUR_MS);
    });

    test('a start "from now on" counts from the real now, whatever the clock said', async () => {
      await using stores = await opened();
      const late = await submit(stores, { notBefore: "+30s", queueTtlSeconds: 60 }, NOW_MS + AHEAD_MS);
      const fine = await submit(stores, { notBefore: "+2h" }, NOW_MS - 1_000);
      expect(await stores.jobs.bringBack(NOW_MS)).toBe(2);
      expect(await stores.jobs.bringBack(NOW_MS)).toBe(0);
      expect(await find(stores, late.jobId)).toMatchObject({
        ...{ notBeforeMs: NOW_MS + 30_000, queueDeadlineMs: NOW_MS + 90_000 },
      });
      expect((await find(stores, fine.jobId))?.notBeforeMs).toBe(NOW_MS - 1_000 + 2 * HOUR_MS);
    });

    test("the lease and the deadline of an execution end as early as they should", async () => {
      await using stores = await opened();
      const job = jobOf(stores.businessId, { timeoutSeconds: 60, graceSeconds: 10 });
      const other = jobOf(stores.businessId, { startTimeoutSeconds: 90 });
      await stores.jobs.insert([job, other].map((one) => ({ job: one, idempotency: undefined })));
      const atMs = NOW_MS + AHEAD_MS;
      const assigned = await assign(stores, atMs);
      expect(assigned).toHaveLength(2);
      for (const { job: of, execution } of assigned) {
        if (of.jobId !== job.jobId) continue;
        const { executionId, nodeId } = execution;
        const report = { executionId, status: "RUNNING" as const, at: new Date(atMs).toISOString() };
        await stores.jobs.change([
          { key: { executionId, nodeId }, decide: (state) => applyReport(state, report, atMs) },
        ]);
      }
      expect(await stores.executions.bringBack(NOW_MS)).toBeGreaterThan(0);
      expect(await stores.executions.bringBack(NOW_MS)).toBe(0);
      expect(await stores.executions.nextDue()).toEqual({
        leaseAtMs: NOW_MS + 90_000,
        deadlineAtMs: NOW_MS + 100_000,
      });
    });
  });

  describe(`${name}: schedules when a clock was ahead and is corrected`, () => {
    const NIGHTLY = "0 3 * * *";
    const worldOf = async () => new ScheduleWorld(await open());
    /** For a moment, the clock of the world is more than two days ahead, and every schedule that seems due fires. */
    const wentAhead = async (world: ScheduleWorld) => {
      const { scheduler, service } = world.server();
      const nowMs = world.nowMs;
      world.nowMs += AHEAD_MS + 4 * HOUR_MS;
      await scheduler.runOnce(world.nowMs);
      world.nowMs = nowMs;
      return { scheduler, service };
    };

    test("the coming nights fire once each, with jobs of their own", async () => {
      await using world = await worldOf();
      const startMs = world.nowMs;
      const schedule = await world.create({ cron: NIGHTLY });
      const { scheduler } = await wentAhead(world);
      const before = (await world.jobs(schedule)).length;
      expect(before).toBeGreaterThan(0);
      expect(await scheduler.bringBack(world.nowMs)).toBe(1);
      expect(await scheduler.bringBack(world.nowMs)).toBe(0);
      const found = await world.stores.schedules.find(world.businessId, schedule.scheduleId);
      expect(found?.nextFireAtMs).toBe(startMs + 3 * HOUR_MS);
      for (let night = 1; night <= 4; night++) {
        world.nowMs = startMs + (night - 1) * DAY_MS + 3 * HOUR_MS;
        const servers = [world.server(0), world.server(1)];
        await Promise.all(servers.map((server) => server.scheduler.runOnce(world.nowMs)));
        await scheduler.bringBack(world.nowMs);
        expect(await world.jobs(schedule)).toHaveLength(before + night);
      }
      expect(world.errors).toEqual([]);
    });

    test("pause and resume also follow the correct clock", async () => {
      await using world = await worldOf();
      const startMs = world.nowMs;
      const { scheduleId } = await world.create({ cron: NIGHTLY });
      const { service, scheduler } = await wentAhead(world);
      await service.pause(world.businessId, scheduleId);
      const resumed = await service.resume(world.businessId, scheduleId);
      expect(resumed.nextFireAtMs).toBe(startMs + 3 * HOUR_MS);
      world.nowMs = startMs + 3 * HOUR_MS;
      await scheduler.runOnce(world.nowMs);
      expect(world.errors).toEqual([]);
    });

    test("a schedule that was created or resumed under the wrong clock fires at its next real time", async () => {
      await using world = await worldOf();
      const startMs = world.nowMs;
      const { scheduler, service } = world.server();
      const paused = await world.create({ cron: NIGHTLY });
      await service.pause(world.businessId, paused.scheduleId);
      world.nowMs += AHEAD_MS;
      const made = await world.create({ cron: NIGHTLY });
      await service.resume(world.businessId, paused.scheduleId);
      world.nowMs = startMs;
      expect(await scheduler.bringBack(world.nowMs)).toBe(2);
      for (const { scheduleId } of [made, paused]) {
        const found = await world.stores.schedules.find(world.businessId, scheduleId);
        expect(found?.nextFireAtMs).toBe(startMs + 3 * HOUR_MS);
      }
    });

    test("servers whose clocks differ slightly fire nothing twice", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ cron: "* * * * * *" });
      const [fast, slow] = [world.server(0), world.server(1)];
      for (let second = 1; second <= 20; second++) {
        world.nowMs += 1_000;
        await fast.scheduler.runOnce(world.nowMs + 5_000);
        await slow.scheduler.bringBack(world.nowMs);
        await slow.scheduler.runOnce(world.nowMs);
      }
      const dues = (await world.fires(schedule)).map((fire) => fire.dueAtMs);
      expect(new Set(dues).size).toBe(dues.length);
      expect(await world.jobs(schedule)).toHaveLength(dues.length);
    });
  });
}
