import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { applyReport } from "../../server/execution/rules.ts";
import type { JobState } from "../../server/job/job-record.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { jobOf, nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

/** What every adapter must do when nodes ask for jobs ahead of free slots. */
export function aheadContract(name: string, open: () => Promise<ControlPlaneStores>): void {
  describe(`${name}: jobs ahead of free slots`, () => {
    let stores: ControlPlaneStores;
    let businessId: string;

    beforeEach(async () => {
      stores = await open();
      businessId = newId("biz");
    });
    afterEach(() => stores.close());

    const submit = async (count: number, manifest: Partial<JobManifestInput> = {}) => {
      const jobs = Array.from({ length: count }, () => jobOf(businessId, manifest));
      await stores.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
      return jobs.map(({ jobId }) => jobId);
    };
    const register = async (slots: number) => {
      const node = nodeOf(businessId, { slots });
      await stores.nodes.insert(node);
      return node.nodeId;
    };
    /** What each of the nodes gets in one write, by job. */
    const assign = async (...asks: { nodeId: string; ahead?: number; limit?: number }[]) => {
      const nowMs = Date.now();
      const requests = asks.map((ask) => ({
        ...{ limit: 100, ...ask, businessId, nowMs },
        leaseExpiresAtMs: nowMs + 60_000,
      }));
      const assigned = await stores.assignments.assign(requests);
      return assigned.map((list) => list.map(({ job }) => job.jobId));
    };

    test("a node gets as many jobs more than slots as it asks for, the oldest first, and then no more", async () => {
      const jobs = await submit(10);
      const nodeId = await register(2);
      expect(await assign({ nodeId })).toEqual([jobs.slice(0, 2)]);
      expect(await assign({ nodeId })).toEqual([[]]);
      expect(await assign({ nodeId, ahead: 3 })).toEqual([jobs.slice(2, 5)]);
      expect(await assign({ nodeId, ahead: 3 })).toEqual([[]]);
      expect(await assign({ nodeId, ahead: 5, limit: 1 })).toEqual([jobs.slice(5, 6)]);
    });

    test("the free slots of every node in the write are served before any job goes ahead of one", async () => {
      const jobs = await submit(5);
      const [busy, idle] = [await register(1), await register(3)];
      expect(await assign({ nodeId: busy })).toEqual([jobs.slice(0, 1)]);
      expect(await assign({ nodeId: busy, ahead: 2 }, { nodeId: idle, ahead: 2 })).toEqual([
        jobs.slice(4),
        jobs.slice(1, 4),
      ]);
    });

    const costly: [string, Partial<JobManifestInput>][] = [
      ["cores", { resources: { cpu: 1 } }],
      ["memory", { resources: { memoryMb: 1 } }],
      ["a time to start", { startTimeoutSeconds: 60 }],
      ["a concurrency group", { concurrency: { group: "g", limit: 2 } }],
      ["files to fetch", { inputs: [{ from: "artifact:art_00000000000000000000000000", to: "a" }] }],
      ["secrets", { secretEnv: { TOKEN: "token" } }],
    ];
    test.each(costly)(
      "a job with %s waits for a free slot, and no younger job goes ahead of it",
      async (_, manifest) => {
        const nodeId = await register(1);
        const first = await submit(1);
        expect(await assign({ nodeId })).toEqual([first]);
        const own = await submit(1, manifest);
        await submit(2);
        expect(await assign({ nodeId, ahead: 2 })).toEqual([[]]);
        const other = await register(1);
        expect(await assign({ nodeId: other, ahead: 0 })).toEqual([own]);
      },
    );

    test("a job that its node gives back is the next of its queue, and its next attempt has the same number", async () => {
      const jobs = await submit(3);
      const nodeId = await register(1);
      await assign({ nodeId });
      await assign({ nodeId, ahead: 1 });
      const live = await stores.executions.live({ nodeId });
      const { executionId = "" } = live.find(({ execution }) => execution.jobId === jobs[1])?.execution ?? {};
      const report = { executionId, status: "RETURNED" as const, at: new Date().toISOString() };
      const change = {
        key: { executionId, nodeId },
        decide: (state?: JobState) => applyReport(state, report, Date.now()),
      };
      expect(await stores.jobs.change([change])).toMatchObject([{ outcome: "applied" }]);
      expect(await stores.jobs.change([change])).toMatchObject([{ outcome: "stale" }]);
      expect(await stores.executions.find(businessId, executionId)).toBeUndefined();
      const nowMs = Date.now();
      const request = { nodeId, businessId, limit: 1, ahead: 1, nowMs, leaseExpiresAtMs: nowMs + 60_000 };
      const [again = []] = await stores.assignments.assign([request]);
      expect(again).toMatchObject([{ job: { jobId: jobs[1], attempt: 1 }, execution: { attempt: 1 } }]);
      expect(again[0]?.execution.executionId).not.toBe(executionId);
    });

    test("a job that has no room yet lets plain jobs go ahead, as it lets them pass to free slots", async () => {
      const nodeId = await register(2);
      const large = await submit(1, { resources: { cpu: 4 } });
      expect(await assign({ nodeId, limit: 1 })).toEqual([large]);
      const second = await submit(1);
      expect(await assign({ nodeId, limit: 1 })).toEqual([second]);
      await submit(1, { resources: { cpu: 4 } });
      const plain = await submit(2);
      expect(await assign({ nodeId, ahead: 2 })).toEqual([plain]);
    });
  });
}
