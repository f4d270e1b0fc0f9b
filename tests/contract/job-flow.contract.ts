import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { giveUp } from "../../server/execution/rules.ts";
import { JobFlow } from "../../server/job/job-flow.ts";
import { JobNews } from "../../server/job/job-news.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import { JobService } from "../../server/job/job-service.ts";
import type { JobStore } from "../../server/job/job-store.ts";
import { JobWatch } from "../../server/job/job-watch.ts";
import { ManualRetry } from "../../server/job/manual-retry.ts";
import { ManyJobs } from "../../server/job/many-jobs.ts";
import type { NodeRecord } from "../../server/node/node-store.ts";
import { newId } from "../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const quietDue = { start: () => undefined, expiry: () => undefined };
const rethrow = (_: string, error: unknown) => {
  throw error;
};

/** What every adapter of the job flow port promises: dependencies, concurrency groups and arrays, races included. */
export function jobFlowContract(name: string, open: () => Promise<ControlPlaneStores>): void {
  describe(`${name}: jobs that wait for jobs`, () => {
    let stores: ControlPlaneStores;
    let flow: JobFlow;
    let retries: ManualRetry;
    let service: JobService;
    let node: NodeRecord;
    const by = { businessId: newId("biz"), userId: "usr" };

    beforeEach(async () => {
      stores = await open();
      const bus = new MemoryBus();
      const parts = { jobs: stores.jobs, news: new JobNews(bus, quietDue), now: () => AT_MS };
      flow = new JobFlow({ ...parts, flow: stores.flow, onError: rethrow });
      retries = new ManualRetry({ ...parts, flow: stores.flow }, flow);
      service = new JobService({ ...parts, flow, retries }, new JobWatch(bus));
      node = nodeOf(by.businessId);
      await stores.nodes.insert(node);
    });
    afterEach(() => stores.close());

    const submit = (manifest: Partial<JobManifestInput> = {}, key?: string) =>
      service.submit(by, jobManifest.parse({ command: "true", ...manifest }), key);
    const find = async (jobId: string) => (await stores.jobs.find(by.businessId, jobId)) as JobRecord;
    const status = async (jobId: string) => (await find(jobId)).status;
    const take = async (limit = 100) => {
      const request = {
        nodeId: node.nodeId,
        businessId: by.businessId,
        limit,
        nowMs: AT_MS,
        leaseExpiresAtMs: AT_MS,
      };
      const [assigned = []] = await stores.assignments.assign([request]);
      return assigned;
    };
    /** Ends what `take` has returned, as a node would. */
    const end = async (assigned: Awaited<ReturnType<typeof take>>, outcome: "SUCCESS" | "FAILED") => {
      const jobs = await stores.jobs.change(
        assigned.map(({ execution }) => ({
          key: { executionId: execution.executionId, nodeId: node.nodeId },
          decide: (state) => {
            if (outcome === "FAILED") return giveUp(state, "NodeLost", "lost", AT_MS);
            if (!state?.execution) return { result: undefined };
            const job: JobRecord = { ...state.job, status: "SUCCESS", finishedAtMs: AT_MS };
            return { job, execution: { ...state.execution, status: "SUCCEEDED" }, result: job };
          },
        })),
      );
      await flow.changed(jobs);
    };

    test("a job waits for the jobs it comes after, and continues when the last of them has succeeded", async () => {
      const [one, two] = [await submit(), await submit()];
      const last = await submit({ after: [{ jobId: one.jobId }, { jobId: two.jobId, on: "any" }] });
      const first = await take();
      expect(first.map(({ job }) => job.jobId).sort()).toEqual([one.jobId, two.jobId].sort());
      await end(first.slice(0, 1), "SUCCESS");
      expect(await take()).toEqual([]);
      await end(first.slice(1), "SUCCESS");
      expect((await take()).map(({ job }) => job.jobId)).toEqual([last.jobId]);
    });

    test("a job whose condition cannot become true is skipped, and so is everything after it", async () => {
      const first = await submit();
      const second = await submit({ after: [{ jobId: first.jobId }] });
      const third = await submit({ after: [{ jobId: second.jobId }] });
      const consolation = await submit({ after: [{ jobId: first.jobId, on: "failure" }] });
      const anyway = await submit({ after: [{ jobId: third.jobId, on: "any" }] });
      await end(await take(), "FAILED");
      expect(await find(second.jobId)).toMatchObject({ status: "CANCELLED", end: { reason: "Skipped" } });
      expect(await status(third.jobId)).toBe("CANCELLED");
      const going = (await take()).map(({ job }) => job.jobId);
      expect(going.sort()).toEqual([anyway.jobId, consolation.jobId].sort());
    });

    test("a job after one that is already over does not wait", async () => {
      const first = await submit();
      await end(await take(), "SUCCESS");
      const second = await submit({ after: [{ jobId: first.jobId }] });
      const never = await submit({ after: [{ jobId: first.jobId, on: "failure" }] });
      expect((await take()).map(({ job }) => job.jobId)).toEqual([second.jobId]);
      expect(await status(never.jobId)).toBe("CANCELLED");
    });

    test("a job cannot come after a job that does not exist or belongs to another business", async () => {
      for (const jobId of [
        newId("job"),
        (
          await service.submit(
            { ...by, businessId: newId("biz") },
            jobManifest.parse({ command: "true" }),
            undefined,
          )
        ).jobId,
      ]) {
        const refused = await submit({ after: [{ jobId }] }).catch((error) => error);
        expect(refused).toMatchObject({ code: "invalid_request" });
      }
    });

    test("jobs that a dead server left waiting continue at the next check", async () => {
      const first = await submit();
      const second = await submit({ after: [{ jobId: first.jobId }] });
      const assigned = await take();
      await stores.jobs.change(
        assigned.map(({ execution }) => ({
          key: { executionId: execution.executionId, nodeId: node.nodeId },
          decide: (state) => ({
            job: state && { ...state.job, status: "SUCCESS" as const, finishedAtMs: AT_MS },
            execution: state?.execution && { ...state.execution, status: "SUCCEEDED" as const },
            result: undefined,
          }),
        })),
      );
      expect(await take()).toEqual([]);
      await flow.lookThrough();
      expect((await take()).map(({ job }) => job.jobId)).toEqual([second.jobId]);
    });

    test("a group never runs more jobs than its limit, in submission order, races included", async () => {
      const concurrency = { group: "g", limit: 2 };
      const jobs = await Promise.all(Array.from({ length: 10 }, () => submit({ concurrency })));
      const order = jobs.map((job) => job.jobId).sort();
      const done: string[] = [];
      while (done.length < order.length) {
        const assigned = await take();
        expect(assigned.length).toBeLessThanOrEqual(2);
        expect(assigned.length).toBeGreaterThan(0);
        done.push(...assigned.map(({ job }) => job.jobId).sort());
        await Promise.all([end(assigned, "SUCCESS"), flow.lookThrough(), flow.lookThrough()]);
      }
      expect(done).toEqual(order);
    });

    test("with cancelInProgress the newest job of a group replaces the earlier ones", async () => {
      const concurrency = { group: "deploy", cancelInProgress: true };
      const running = await submit({ concurrency });
      const assigned = await take();
      const waiting = await submit({ concurrency });
      const newest = await submit({ concurrency });
      expect((await find(running.jobId)).cancelRequestedAtMs).toBe(AT_MS);
      expect(await status(waiting.jobId)).toBe("CANCELLED");
      expect(await take()).toEqual([]);
      await end(assigned, "FAILED");
      expect((await take()).map(({ job }) => job.jobId)).toEqual([newest.jobId]);
    });

    test("an array is a job per index; it runs as many at once as it says, and ends when all have ended", async () => {
      const array = await submit({ array: "3-7%2", env: { A: "b" } });
      const indexes: (string | undefined)[] = [];
      for (let round = 0; round < 3; round++) {
        const assigned = await take();
        expect(assigned.length).toBe(round < 2 ? 2 : 1);
        for (const { job } of assigned) {
          indexes.push(job.manifest.env.TANVRIT_ARRAY_INDEX);
          expect(job).toMatchObject({ arrayId: array.jobId, manifest: { env: { A: "b" } } });
        }
        await end(assigned, "SUCCESS");
        expect(await status(array.jobId)).toBe(round < 2 ? "RUNNING" : "SUCCESS");
      }
      expect(indexes.sort()).toEqual(["3", "4", "5", "6", "7"]);
    });

    test("an array with a failed job has failed, and its retry runs only the jobs that did not succeed", async () => {
      const array = await submit({ array: "1-3" });
      const [one, ...rest] = await take();
      await end(one ? [one] : [], "FAILED");
      await end(rest, "SUCCESS");
      expect(await find(array.jobId)).toMatchObject({
        status: "FAILED",
        end: { message: "2 of 3 jobs succeeded." },
      });
      await service.retry(by, array.jobId);
      const again = await take();
      expect(again.map(({ job }) => job.jobId)).toEqual([one?.job.jobId ?? ""]);
      await end(again, "SUCCESS");
      expect(await status(array.jobId)).toBe("SUCCESS");
    });

    test("while an array is being retried, another server that checks it does not end it", async () => {
      const array = await submit({ array: "1-3" });
      await end(await take(), "FAILED");
      const bus = new MemoryBus();
      const parts = { news: new JobNews(bus, quietDue), now: () => AT_MS };
      const elsewhere = new JobFlow({ ...parts, jobs: stores.jobs, flow: stores.flow, onError: rethrow });
      const change: JobStore["change"] = async (requests) => {
        const results = await stores.jobs.change(requests);
        await elsewhere.lookThrough();
        return results;
      };
      const jobs: JobStore = Object.assign(Object.create(stores.jobs), { change });
      const here = new JobFlow({ ...parts, jobs, flow: stores.flow, onError: rethrow });
      const hereRetries = new ManualRetry({ ...parts, jobs, flow: stores.flow }, here);
      const again = new JobService({ ...parts, jobs, flow: here, retries: hereRetries }, new JobWatch(bus));
      expect(await again.retry(by, array.jobId)).toMatchObject({ job: { status: "QUEUED" } });
      expect(await status(array.jobId)).toBe("QUEUED");
      await end(await take(), "SUCCESS");
      expect(await status(array.jobId)).toBe("SUCCESS");
    });

    test("an array that is retried together with other jobs runs the jobs that did not succeed", async () => {
      const array = await submit({ name: "nightly", array: "1-3" });
      const [first, ...others] = await take();
      await end(first ? [first] : [], "SUCCESS");
      await end(others, "FAILED");
      const parts = { jobs: stores.jobs, news: new JobNews(new MemoryBus(), quietDue), now: () => AT_MS };
      const query = {
        businessId: by.businessId,
        status: undefined,
        labels: undefined,
      };
      // Its jobs are called nightly[1] and so on; only the array has the plain name.
      const retried = await new ManyJobs({ ...parts, flow, retries }).retry(
        { ...query, name: "nightly", limit: 10 },
        undefined,
      );
      expect(retried).toMatchObject({ matched: 1, changed: 1 });
      const again = await take();
      expect(again.map(({ job }) => job.jobId).sort()).toEqual(others.map(({ job }) => job.jobId).sort());
      await end(again, "SUCCESS");
      expect(await status(array.jobId)).toBe("SUCCESS");
    });

    test("every group with waiting jobs is listed once, however many jobs wait in it", async () => {
      const waiting = (group: string, jobs: number) =>
        Promise.all(Array.from({ length: jobs + 1 }, () => submit({ concurrency: { group } })));
      await waiting("a", 4);
      await waiting("b/c", 1);
      await submit({ concurrency: { group: "nobody waits" } });
      const a = { businessId: by.businessId, group: "a" };
      const b = { businessId: by.businessId, group: "b/c" };
      expect(await stores.flow.groupsWithWaiting(undefined, 2)).toEqual([a, b]);
      expect(await stores.flow.groupsWithWaiting(undefined, 1)).toEqual([a]);
      expect(await stores.flow.groupsWithWaiting(a, 1)).toEqual([b]);
      expect(await stores.flow.groupsWithWaiting(b, 1)).toEqual([]);
    });

    test("cancelling an array cancels its jobs, and the array is cancelled when they are", async () => {
      const array = await submit({ array: "1-20%4" });
      const running = await take();
      expect(running.length).toBe(4);
      await service.cancel(by.businessId, array.jobId);
      expect(await status(array.jobId)).not.toBe("CANCELLED");
      await end(running, "FAILED");
      expect(await status(array.jobId)).toBe("CANCELLED");
      expect(await take()).toEqual([]);
    });

    test("an array submitted twice with one key is one array", async () => {
      const one = await submit({ array: "1-5" }, "key");
      const two = await submit({ array: "1-5" }, "key");
      expect(two.jobId).toBe(one.jobId);
      expect((await take()).length).toBe(5);
    });

    test("of many concurrent submissions of an array with one key one creates it, and its jobs use no key", async () => {
      await submit({ name: "other" }, "key/1");
      const arrays = await Promise.all(Array.from({ length: 8 }, () => submit({ array: "0-4" }, "key")));
      expect(new Set(arrays.map((array) => array.jobId)).size).toBe(1);
      expect((await take()).length).toBe(6);
      const late = await submit({ array: "0-4", labels: {}, priority: 0 }, "key");
      expect(late.jobId).toBe(arrays[0]?.jobId ?? "");
    });

    test("the same request with a key is recognized however it is written, even if others use the same key", async () => {
      const one = await submit({ labels: { os: "linux", arch: "amd64" }, notBefore: "+10m" }, "k");
      const again = await submit({ notBefore: "+600s", labels: { arch: "amd64", os: "linux" } }, "k");
      expect(again.jobId).toBe(one.jobId);
      expect(one.notBeforeMs).toBe(AT_MS + 600_000);
      await expect(submit({ notBefore: "+10m" }, "k")).rejects.toMatchObject({
        code: "idempotency_key_reused",
      });
      const carl = { ...by, userId: "carl" };
      const his = await service.submit(carl, jobManifest.parse({ command: "true" }), "k");
      expect(his).toMatchObject({ userId: "carl", manifest: { labels: {} } });
    });
  });
}
