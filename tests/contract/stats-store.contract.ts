import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JobRecord } from "../../server/job/job-record.ts";
import type { StatsStore } from "../../server/stats/stats-store.ts";
import { newId } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import { jobOf, nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

export interface StatsStores extends ControlPlaneStores {
  stats: StatsStore;
}

const AT_MS = Date.parse("2026-01-01T00:00:00Z");

/** What every store promises about numbers. `open` gives an empty store. */
export function statsStoreContract(name: string, open: () => Promise<StatsStores>) {
  describe(`${name}: stats`, () => {
    let stores: StatsStores;
    let businessId: string;

    beforeEach(async () => {
      stores = await open();
      businessId = newId("biz");
    });
    afterEach(() => stores.close());

    const insert = (...jobs: JobRecord[]) =>
      stores.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
    const overview = (maxCount = 100) =>
      stores.stats.overview({ businessId, maxCount, failedSinceMs: AT_MS });

    async function ended(status: JobStatus, finishedAtMs: number): Promise<void> {
      const job = jobOf(businessId);
      await insert(job);
      const over = { ...job, status, finishedAtMs };
      const key = { jobId: job.jobId, businessId };
      await stores.jobs.change([{ key, decide: () => ({ job: over, result: undefined }) }]);
    }

    test("an empty business has nothing, and another business counts for nothing", async () => {
      await insert(jobOf("another"));
      await stores.nodes.insert(nodeOf("another"));
      const { jobs, nodes, ...rest } = await overview();
      expect(Object.values(jobs).every((count) => count === 0)).toBe(true);
      expect(Object.values(nodes).every((count) => count === 0)).toBe(true);
      expect(rest).toEqual({ failed: 0, slots: 0, liveExecutions: 0, oldestQueued: undefined });
    });

    test("jobs are counted by status up to the maximum, and failures only since the given time", async () => {
      await insert(...Array.from({ length: 7 }, () => jobOf(businessId)));
      await ended("FAILED", AT_MS - 1);
      await ended("FAILED", AT_MS);
      await ended("TIMEOUT", AT_MS + 1);
      await ended("CANCELLED", AT_MS + 1);
      await ended("SUCCESS", AT_MS + 1);
      const { jobs, failed } = await overview();
      expect(jobs).toEqual({
        ...{ QUEUED: 7, ASSIGNED: 0, RUNNING: 0, SUCCESS: 1, FAILED: 2, TIMEOUT: 1, CANCELLED: 1 },
      });
      expect(failed).toBe(2);
      expect((await overview(3)).jobs.QUEUED).toBe(3);
    });

    test("a job that is queued again no longer counts as failed", async () => {
      const job = jobOf(businessId);
      await insert(job);
      const key = { jobId: job.jobId, businessId };
      const set = (changed: JobRecord) =>
        stores.jobs.change([{ key, decide: () => ({ job: changed, result: undefined }) }]);
      await set({ ...job, status: "FAILED", finishedAtMs: AT_MS });
      expect((await overview()).failed).toBe(1);
      await set({ ...job, attempt: 1 });
      expect(await overview()).toMatchObject({ failed: 0, jobs: { QUEUED: 1, FAILED: 0 } });
    });

    test("nodes are counted by what they are, and only those that take work have slots", async () => {
      const active = nodeOf(businessId);
      const { slots } = active.description.capacity;
      await stores.nodes.insert(active);
      await stores.nodes.insert({ ...nodeOf(businessId), draining: true });
      await stores.nodes.insert({ ...nodeOf(businessId), offline: true, draining: true });
      await stores.nodes.insert({ ...nodeOf(businessId), condition: { suspended: true } });
      await stores.nodes.insert({
        ...nodeOf(businessId),
        condition: { suspended: false, refusing: "no disk" },
      });
      expect(await overview()).toMatchObject({
        nodes: { ACTIVE: 2, DRAINING: 1, OFFLINE: 1, SUSPENDED: 1 },
        slots: 2 * slots,
      });
    });

    test("what nodes have counts as used slots, and the oldest job that waits only for a node is named", async () => {
      const node = nodeOf(businessId);
      await stores.nodes.insert(node);
      await insert(jobOf(businessId), jobOf(businessId));
      const request = { nodeId: node.nodeId, businessId, limit: 2, nowMs: AT_MS, leaseExpiresAtMs: AT_MS };
      await stores.assignments.assign([request]);
      expect(await overview()).toMatchObject({ liveExecutions: 2, oldestQueued: undefined });
      const held = { ...jobOf(businessId), gate: "group" as const };
      const later = { ...jobOf(businessId), notBeforeMs: AT_MS + 1 };
      const [oldest, younger] = [jobOf(businessId, { name: "oldest" }), jobOf(businessId)];
      await insert(held, later, oldest, younger);
      const { jobId, createdAtMs } = oldest;
      expect((await overview()).oldestQueued).toEqual({ jobId, name: "oldest", createdAtMs });
    });
  });
}
