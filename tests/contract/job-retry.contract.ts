import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JobRecord } from "../../server/job/job-record.ts";
import { newJob } from "../../server/job/job-rules.ts";
import { newId } from "../../shared/ids.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";
import { FlowStage } from "./flow-stage.ts";

const LONG_CHAIN_LIMIT_MS = 60_000;
const NO_FILTER = { status: undefined, labels: undefined, beforeJobId: undefined, limit: 1_000 };

/** What every adapter of the job flow port promises about retried jobs, races included. */
export function jobRetryContract(
  name: string,
  open: () => Promise<ControlPlaneStores>,
  chainLength: number,
): void {
  describe(`${name}: jobs that are retried`, () => {
    let stage: FlowStage;

    beforeEach(async () => {
      stage = await FlowStage.open(await open());
    });
    afterEach(() => stage.stores.close());

    /** A pipeline whose first job failed, so the others were skipped. */
    const brokenPipeline = async (jobs = 3): Promise<JobRecord[]> => {
      const made = [await stage.submit({ name: "pp-0" })];
      for (let i = 1; i < jobs; i++) {
        made.push(await stage.submit({ name: `pp-${i}`, after: [{ jobId: made.at(-1)?.jobId ?? "" }] }));
      }
      await stage.end(await stage.take(), "FAILED");
      return made;
    };
    const runInOrder = async (jobs: readonly JobRecord[]) => {
      for (const job of jobs) await stage.end(await stage.takeJust(job), "SUCCESS");
    };

    test("a pipeline that is retried by a filter runs in its order again, regardless of the size of the requests", async () => {
      const jobs = await brokenPipeline();
      expect(await stage.retryMany({ name: "pp-*" }, 1)).toMatchObject({ matched: 3, changed: 3, left: 0 });
      expect(await stage.statuses(...jobs)).toEqual(["QUEUED", "QUEUED:after", "QUEUED:after"]);
      await runInOrder(jobs);
      expect(await stage.statuses(...jobs)).toEqual(["SUCCESS", "SUCCESS", "SUCCESS"]);
    });

    test("a retry of many jobs takes several changes, and counts each job that stays skipped because of them once", async () => {
      const roots = await Promise.all(
        Array.from({ length: 120 }, (_, i) => stage.submit({ name: `root-${i}` })),
      );
      const after = [0, 60, 119].map((i) => ({ jobId: roots[i]?.jobId ?? "" }));
      const last = await stage.submit({ name: "last", after });
      await stage.submit({ name: "behind", after: [{ jobId: last.jobId }] });
      await stage.many.cancel({ ...NO_FILTER, businessId: stage.by.businessId, name: "root-*" });
      expect(await stage.retryMany({ name: "root-*" })).toEqual({
        matched: 120,
        changed: 120,
        left: 0,
        skippedDependents: 2,
      });
      await stage.many.cancel({ ...NO_FILTER, businessId: stage.by.businessId, name: "root-*" });
      expect(await stage.retryMany({})).toEqual({
        matched: 122,
        changed: 122,
        left: 0,
        skippedDependents: 0,
      });
      expect(await stage.statuses(last)).toEqual(["QUEUED:after"]);
    });

    test("a job of an older release that cannot run any more is refused, and left alone when many jobs are retried", async () => {
      const [job] = await brokenPipeline(1);
      const manifest = { ...(job as JobRecord).manifest, type: "LAMBDA" as "COMMAND" };
      const old = { ...(await stage.find((job as JobRecord).jobId)), jobId: newId("job"), manifest };
      await stage.stores.jobs.insert([{ job: { ...old, status: "FAILED" }, idempotency: undefined }]);
      await expect(stage.retry(old)).rejects.toThrow("must be COMMAND, DOCKER or GITHUB_ACTION");
      expect(await stage.retryMany({})).toMatchObject({ matched: 2, changed: 1, left: 1 });
    });

    test("the run of which only the failed jobs run again is stored until an ordinary retry", async () => {
      const [job] = await brokenPipeline(1);
      const key = { jobId: (job as JobRecord).jobId, businessId: stage.by.businessId };
      const rerunOf = newId("exe");
      await stage.stores.jobs.change([
        { key, decide: (state) => ({ job: state && { ...state.job, rerunOf }, result: undefined }) },
      ]);
      expect((await stage.find(key.jobId)).rerunOf).toBe(rerunOf);
      await stage.retry(job as JobRecord);
      expect((await stage.find(key.jobId)).rerunOf).toBeUndefined();
    });

    test("only jobs that may run are queued again; a job after a failure that is not retried is left alone", async () => {
      const jobs = await brokenPipeline();
      expect(await stage.retryMany({ status: ["CANCELLED"] })).toMatchObject({ changed: 0, left: 2 });
      expect(await stage.statuses(...jobs)).toEqual(["FAILED", "CANCELLED:Skipped", "CANCELLED:Skipped"]);
    });

    test("a retried pipeline whose first job fails again is skipped again", async () => {
      const [first, ...others] = await brokenPipeline();
      await stage.retryMany({ name: "pp-*" });
      await stage.end(await stage.takeJust(first as JobRecord), "FAILED");
      expect(await stage.statuses(...others)).toEqual(["CANCELLED:Skipped", "CANCELLED:Skipped"]);
    });

    test("a retry reports how many jobs stay skipped; with dependents they come back behind it", async () => {
      const [first, second, third] = (await brokenPipeline()) as [JobRecord, JobRecord, JobRecord];
      expect(await stage.retry(first)).toMatchObject({ queuedAgain: 1, skippedDependents: 2 });
      expect(await stage.statuses(second, third)).toEqual(["CANCELLED:Skipped", "CANCELLED:Skipped"]);
      // The first is already queued, so only the skipped jobs come back.
      expect(await stage.retry(first, true)).toMatchObject({ queuedAgain: 2, skippedDependents: 0 });
      await runInOrder([first, second, third]);
    });

    test("dependents of a job that was retried and succeeded come back without it", async () => {
      const [first, second, third] = (await brokenPipeline()) as [JobRecord, JobRecord, JobRecord];
      await stage.retry(first);
      await stage.end(await stage.takeJust(first), "SUCCESS");
      expect(await stage.retry(first, true)).toMatchObject({ queuedAgain: 2 });
      await runInOrder([second, third]);
      expect(await stage.statuses(first)).toEqual(["SUCCESS"]);
    });

    test("a single retried job runs now if all jobs that it comes after are over, and otherwise waits", async () => {
      const [first, second] = (await brokenPipeline(2)) as [JobRecord, JobRecord];
      await stage.retry(second);
      const running = await stage.takeJust(second);
      await stage.end(running, "FAILED");
      await stage.retry(first);
      await stage.retry(second);
      expect(await stage.statuses(first, second)).toEqual(["QUEUED", "QUEUED:after"]);
      await runInOrder([first, second]);
    });

    test("a queued job waits again when a job that it comes after is retried", async () => {
      const first = await stage.submit();
      const second = await stage.submit({ after: [{ jobId: first.jobId }] });
      const grouped = await stage.submit({
        after: [{ jobId: first.jobId }],
        concurrency: { group: "g" },
      });
      await stage.end(await stage.takeJust(first), "SUCCESS");
      expect(await stage.statuses(second, grouped)).toEqual(["QUEUED", "QUEUED"]);
      await stage.retry(first);
      expect(await stage.statuses(second, grouped)).toEqual(["QUEUED:after", "QUEUED:after"]);
      await stage.end(await stage.takeJust(first), "SUCCESS");
      await stage.takeJust(second, grouped);
    });

    test("a job never runs concurrently with the retry of a job it comes after, however the two retries race", async () => {
      for (let round = 0; round < 8; round++) {
        const [first, second] = (await brokenPipeline(2)) as [JobRecord, JobRecord];
        await Promise.all([
          stage.retry(first),
          // The filter may have been faster, and then the retry is refused.
          stage.retry(second).catch(() => undefined),
          stage.flow.lookThrough(),
          stage.retryMany({ name: "pp-*" }),
        ]);
        await stage.flow.lookThrough();
        const taken = await stage.takeJust(first);
        const statuses = await stage.statuses(second);
        expect(["QUEUED:after", "CANCELLED:Skipped"]).toContain(statuses[0] ?? "");
        await stage.end(taken, "SUCCESS");
        await stage.end(await stage.take(), "SUCCESS");
      }
    });

    test("no job of a chain is skipped because of a job that waits, no matter what is retried meanwhile", async () => {
      // A retry that is too late for its job is refused.
      const unlessRefused = (call: Promise<unknown>) => call.catch(() => undefined);
      for (let round = 0; round < 4; round++) {
        const made = [await stage.submit()];
        for (let i = 1; i < 12; i++)
          made.push(await stage.submit({ after: [{ jobId: made[i - 1]?.jobId ?? "" }] }));
        const [first, second] = made as [JobRecord, JobRecord];
        await Promise.all([
          stage
            .end(await stage.takeJust(first), "FAILED")
            .then(() => unlessRefused(stage.retry(second, true))),
          unlessRefused(stage.retry(first)),
          stage.flow.lookThrough(),
          stage.flow.lookThrough(),
          stage.service.cancel(stage.by.businessId, made[6]?.jobId ?? ""),
        ]);
        await stage.flow.lookThrough();
        const statuses = await stage.statuses(...made);
        for (const [i, status] of statuses.entries()) {
          const before = statuses[i - 1] ?? "";
          if (status === "CANCELLED:Skipped") expect(before).toMatch(/^(CANCELLED|FAILED)/);
          if (status === "QUEUED:after") expect(before).toMatch(/^QUEUED/);
        }
        await unlessRefused(stage.service.cancel(stage.by.businessId, first.jobId));
        await unlessRefused(stage.service.cancel(stage.by.businessId, second.jobId));
      }
    });

    test("an array is reopened when one of its jobs is retried; it can be cancelled and ends again with its last job", async () => {
      const array = await stage.submit({ array: "1-3" });
      const [one, ...rest] = await stage.take();
      if (!one) throw new Error("nothing was handed out");
      await stage.end([one], "FAILED");
      await stage.end(rest, "SUCCESS");
      const after = await stage.submit({ after: [{ jobId: array.jobId }] });
      expect(await stage.statuses(array, after)).toEqual(["FAILED", "CANCELLED:Skipped"]);
      expect(await stage.retry(one.job)).toMatchObject({ queuedAgain: 1, skippedDependents: 1 });
      expect(await stage.statuses(array)).toEqual(["RUNNING:array"]);
      expect((await stage.find(array.jobId)).end).toBeUndefined();
      await stage.service.cancel(stage.by.businessId, array.jobId);
      expect(await stage.statuses(array, one.job)).toEqual(["CANCELLED", "CANCELLED:NodeLost"]);
      await stage.retry(one.job, true);
      expect(await stage.statuses(array, after)).toEqual(["RUNNING:array", "QUEUED:after"]);
      await stage.end(await stage.takeJust(one.job), "SUCCESS");
      expect(await stage.find(array.jobId)).toMatchObject({
        status: "SUCCESS",
        end: { message: "3 of 3 jobs succeeded." },
      });
      await stage.takeJust(after);
    });

    test("the retry of an array runs the jobs that failed so far, even while it is open; it is refused if none failed", async () => {
      const array = await stage.submit({ array: "1-3" });
      const [one, two, three] = await stage.take();
      if (!one || !two || !three) throw new Error("three jobs should have been handed out");
      await stage.end([one, two], "FAILED");
      expect(await stage.retry(array)).toMatchObject({ queuedAgain: 2 });
      await expect(stage.retry(array)).rejects.toMatchObject({ code: "conflict" });
      await stage.end([three, ...(await stage.takeJust(one.job, two.job))], "SUCCESS");
      expect(await stage.statuses(array)).toEqual(["SUCCESS"]);
      await expect(stage.retry(array)).rejects.toMatchObject({ code: "conflict" });
    });

    test("an array never ends while one of its jobs is being retried", async () => {
      for (let round = 0; round < 8; round++) {
        const array = await stage.submit({ array: "1-2" });
        const [one, two] = await stage.take();
        if (!one || !two) throw new Error("two jobs should have been handed out");
        await stage.end([one], "FAILED");
        await Promise.all([stage.retry(one.job), stage.end([two], "SUCCESS"), stage.flow.lookThrough()]);
        expect(await stage.statuses(array)).toEqual(["RUNNING:array"]);
        await stage.end(await stage.takeJust(one.job), "SUCCESS");
        expect(await stage.statuses(array)).toEqual(["SUCCESS"]);
      }
    });

    test("jobs that were skipped because of an array come back with the array", async () => {
      const first = await stage.submit();
      const array = await stage.submit({ array: "1-2", after: [{ jobId: first.jobId }] });
      const last = await stage.submit({ after: [{ jobId: array.jobId }] });
      await stage.end(await stage.take(), "FAILED");
      expect(await stage.statuses(array, last)).toEqual(["CANCELLED", "CANCELLED:Skipped"]);
      expect(await stage.retry(first, true)).toMatchObject({ queuedAgain: 4 });
      await stage.end(await stage.takeJust(first), "SUCCESS");
      const members = await stage.take();
      expect(members.map(({ job }) => job.arrayId)).toEqual([array.jobId, array.jobId]);
      await stage.end(members, "SUCCESS");
      await stage.takeJust(last);
    });

    test("a long chain of jobs is skipped, counted and brought back in bounded time", async () => {
      const startedAtMs = performance.now();
      const { businessId } = stage.by;
      const first = await stage.submit({ name: "first" });
      const template = await stage.find(first.jobId);
      let before = first.jobId;
      const chain: JobRecord[] = [];
      for (let i = 0; i < chainLength; i++) {
        const manifest = { ...template.manifest, after: [{ jobId: before, on: "success" as const }] };
        const job = newJob({ businessId, userId: "usr" }, manifest, {}, template.createdAtMs);
        chain.push(job);
        before = job.jobId;
      }
      for (let i = 0; i < chainLength; i += 1_000) {
        const part = chain.slice(i, i + 1_000).map((job) => ({ job, idempotency: undefined }));
        await stage.stores.jobs.insert(part);
      }
      await stage.end(await stage.takeJust(first), "FAILED");
      const last = chain.at(-1) as JobRecord;
      expect(await stage.statuses(last)).toEqual(["CANCELLED:Skipped"]);
      expect(await stage.retry(first, true)).toMatchObject({ queuedAgain: chainLength + 1 });
      expect(await stage.statuses(first, last)).toEqual(["QUEUED", "QUEUED:after"]);
      expect(performance.now() - startedAtMs).toBeLessThan(LONG_CHAIN_LIMIT_MS);
    });
  });
}
