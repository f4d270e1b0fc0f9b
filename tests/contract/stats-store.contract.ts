import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JobRecord } from "../../server/job/job-record.ts";
import type { RetentionStore } from "../../server/retention/retention-store.ts";
import { MERGED_AT_ONCE, type StatsStore, type SubjectTally } from "../../server/stats/stats-store.ts";
import { floorTo } from "../../server/stats/steps.ts";
import { newId } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import { jobOf, nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

export interface StatsStores extends ControlPlaneStores {
  retention: RetentionStore;
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

    test("the jobs that come before one are counted across requirements, up to a maximum, and only those of its pool", async () => {
      const manifests = [
        {},
        { labels: { os: "linux" } },
        { priority: 5 },
        { priority: -1 },
        {},
        { pool: "other" },
      ];
      const jobs = manifests.map((manifest) => jobOf(businessId, manifest));
      await insert(...jobs, jobOf("another"));
      const ahead = (maxCount: number) =>
        Promise.all(jobs.map((job) => stores.assignments.countAhead(job, maxCount)));
      expect(await ahead(100)).toEqual([1, 2, 0, 4, 3, 0]);
      expect(await ahead(2)).toEqual([1, 2, 0, 2, 2, 0]);
      const node = nodeOf(businessId);
      await stores.nodes.insert(node);
      const request = { nodeId: node.nodeId, businessId, limit: 2, nowMs: AT_MS, leaseExpiresAtMs: AT_MS };
      await stores.assignments.assign([request]);
      expect((await ahead(100)).slice(3)).toEqual([2, 1, 0]);
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

    const tally = (subject: string, step: number, atSeconds: number, sums = {}, peaks = {}) => {
      return { subject, step, atSeconds, sums, peaks };
    };
    const sorted = (tallies: SubjectTally[]) =>
      tallies.toSorted((a, b) => a.step - b.step || a.atSeconds - b.atSeconds);

    test("the businesses with something queued or running are found, whatever else they have", async () => {
      const other = newId("biz");
      const node = nodeOf(businessId);
      await stores.nodes.insert(node);
      await insert(jobOf(businessId), jobOf(businessId), jobOf(businessId), jobOf(other));
      await insert({ ...jobOf(newId("biz")), gate: "group" });
      const request = { nodeId: node.nodeId, businessId, limit: 1, nowMs: AT_MS, leaseExpiresAtMs: AT_MS };
      await stores.assignments.assign([request]);
      const byId = (await stores.stats.busy()).toSorted((a, b) => (a.businessId < b.businessId ? -1 : 1));
      expect(byId).toEqual([
        { businessId, running: 1, queued: 2 },
        { businessId: other, running: 0, queued: 1 },
      ]);
    });

    test("tallies of the same time add up, also if many servers write them at once", async () => {
      const { stats } = stores;
      await Promise.all(
        Array.from({ length: 20 }, (_, i) =>
          stats.add([
            tally("a", 10, 100, { started: 1, [`n${i}`]: 1 }, { cpu: i }),
            tally("b", 10, 100, { started: 5 }),
          ]),
        ),
      );
      const [one, ...more] = await stats.read("a", 100, 110);
      expect(more).toEqual([]);
      expect(one).toMatchObject({
        subject: "a",
        step: 10,
        atSeconds: 100,
        sums: { started: 20, n7: 1 },
        peaks: { cpu: 19 },
      });
      await stats.add([]);
    });

    test("tallies are read from their beginning on, and not from their end on", async () => {
      const { stats } = stores;
      await stats.add([90, 100, 110, 120].map((at) => tally("a", 10, at, { n: at })));
      await stats.add([tally("a", 60, 60, { n: 1 })]);
      const read = async (since: number, until: number) =>
        sorted(await stats.read("a", since, until)).map(({ atSeconds }) => atSeconds);
      expect(await read(100, 120)).toEqual([100, 110]);
      expect(await read(60, 91)).toEqual([90, 60]);
      expect(await read(300, 400)).toEqual([]);
    });

    test("old tallies are merged into coarser ones without losing a number, and the oldest go", async () => {
      const { stats } = stores;
      const nowSeconds = 400 * 86_400;
      const all = async () => {
        while (await stats.merge(nowSeconds));
        return sorted(await stats.read("a", 0, nowSeconds + 1));
      };
      const young = nowSeconds - 3_600;
      const old = nowSeconds - 7_200;
      await stats.add([0, 10, 50, 60].map((more) => tally("a", 10, old + more, { n: 1 }, { cpu: more })));
      await stats.add([tally("a", 10, young, { n: 1 }), tally("a", 60, old, { n: 10 })]);
      expect(await all()).toEqual([
        tally("a", 10, young, { n: 1 }),
        tally("a", 60, old, { n: 13 }, { cpu: 50 }),
        tally("a", 60, old + 60, { n: 1 }, { cpu: 60 }),
      ]);
      // Through every step, and then out.
      const ancient = nowSeconds - 179 * 86_400;
      const gone = nowSeconds - 181 * 86_400;
      await stats.add([tally("a", 10, ancient, { n: 1 }), tally("a", 10, gone, { n: 1 })]);
      const [, , , last, ...more] = await all();
      expect(more).toEqual([]);
      expect(last).toEqual(tally("a", 7_200, floorTo(7_200, ancient), { n: 1 }));
      expect(await stats.merge(nowSeconds)).toBe(false);
    });

    test("many old tallies are merged in several goes, by several servers at once", async () => {
      const { stats } = stores;
      const count = MERGED_AT_ONCE + 100;
      await stats.add(Array.from({ length: count }, (_, i) => tally(`n${i % 7}`, 10, 10 * i, { n: 1 })));
      const work = async () => {
        for (let idle = 0; idle < 20; ) if (!(await stats.merge(86_000))) idle++;
      };
      await Promise.all([work(), work(), work()]);
      let sum = 0;
      for (let i = 0; i < 7; i++) {
        for (const { step, sums } of await stats.read(`n${i}`, 0, 86_000)) {
          expect(step).toBe(60);
          sum += sums.n ?? 0;
        }
      }
      expect(sum).toBe(count);
    });

    test("what an execution used is stored in the place of what was there, and goes with its job", async () => {
      const node = nodeOf(businessId);
      await stores.nodes.insert(node);
      await insert(jobOf(businessId));
      const request = { nodeId: node.nodeId, businessId, limit: 1, nowMs: AT_MS, leaseExpiresAtMs: AT_MS };
      const [[taken] = []] = await stores.assignments.assign([request]);
      const { executionId = "", jobId = "" } = taken?.execution ?? {};
      const of = { executionId, jobId, businessId, startMs: AT_MS };
      const first = { ...of, stepMs: 2_000, cpu: [0.5, null], memoryMb: [12, null] };
      await stores.stats.putExecutions([first, { ...first, executionId: newId("exe") }]);
      expect(await stores.stats.findExecutions([executionId, newId("exe")])).toEqual([first]);
      const second = { ...of, stepMs: 4_000, cpu: [1], memoryMb: [13.5] };
      await stores.stats.putExecutions([second]);
      expect(await stores.stats.findExecutions([executionId])).toEqual([second]);
      const key = { jobId, businessId };
      const over = taken && { ...taken.job, status: "SUCCESS" as const, finishedAtMs: AT_MS };
      await stores.jobs.change([{ key, decide: () => ({ ...(over && { job: over }), result: undefined }) }]);
      expect(await stores.retention.deleteJobs(businessId, [jobId], AT_MS)).toEqual(["deleted"]);
      expect(await stores.stats.findExecutions([executionId])).toEqual([]);
      await stores.stats.putExecutions([second]);
      expect(await stores.stats.findExecutions([executionId])).toEqual([]);
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
