import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { JobRecord } from "../../server/job/job-record.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";
import { AT_MS, FlowStage } from "./flow-stage.ts";

const LATER_MS = AT_MS + 3_600_000;
const LATER = new Date(LATER_MS).toISOString();
const concurrency = { group: "g" };
const stuck = { concurrency, labels: { disk: "tape" } };

/** What every adapter of the job flow port promises about concurrency groups with jobs that cannot start. */
export function jobGroupsContract(name: string, open: () => Promise<ControlPlaneStores>): void {
  describe(`${name}: places in concurrency groups`, () => {
    let stage: FlowStage;

    beforeEach(async () => {
      stage = await FlowStage.open(await open());
    });
    afterEach(() => stage.stores.close());

    const becomeDue = async () => {
      const { groups } = await stage.stores.jobs.promoteDue(LATER_MS);
      await stage.flow.admitAll(groups);
      return groups;
    };

    test("a job whose start time has not come has no place in its group, and gets its turn when it comes", async () => {
      const late = await stage.submit({ concurrency, notBefore: LATER });
      const now = await stage.submit({ concurrency });
      const taken = await stage.takeJust(now);
      const behind = await stage.submit({ concurrency });
      expect(await becomeDue()).toEqual([{ businessId: stage.by.businessId, group: "g" }]);
      expect(await stage.statuses(late, behind)).toEqual(["QUEUED:group", "QUEUED:group"]);
      await stage.end(taken, "SUCCESS");
      // The oldest of the jobs that may start.
      await stage.takeJust(late);
    });

    test("a job that waits for its retry has no place either, in a group or in an array", async () => {
      for (const more of [{ concurrency }, { array: "1-2%1" }]) {
        const jobs = [await stage.submit({ ...more, maxRetries: 1 })];
        if (!("array" in more)) jobs.push(await stage.submit(more));
        const [first, ...rest] = await stage.take();
        expect(rest).toEqual([]);
        await stage.end(first ? [first] : [], "FAILED");
        const [second] = await stage.take();
        expect(second?.job.jobId).not.toBe(first?.job.jobId);
        await becomeDue();
        expect(await stage.take()).toEqual([]);
        await stage.end(second ? [second] : [], "SUCCESS");
        await stage.end(await stage.takeJust({ jobId: first?.job.jobId ?? "" }), "SUCCESS");
      }
    });

    test("a job that no node could run lets other jobs go first, and goes when a node for it appears", async () => {
      const ghost = await stage.submit(stuck);
      const alone = await stage.statuses(ghost);
      const plain = await stage.submit({ concurrency });
      const next = await stage.submit({ concurrency });
      expect(alone).toEqual(["QUEUED"]);
      const withOthers = await stage.statuses(ghost, plain, next);
      expect(withOthers).toEqual(["QUEUED:group", "QUEUED", "QUEUED:group"]);
      stage.isStuck = () => false;
      await stage.flow.lookThrough();
      // A job that can start keeps its place.
      expect(await stage.statuses(ghost, plain)).toEqual(["QUEUED:group", "QUEUED"]);
      await stage.stores.jobs.change([
        {
          key: { businessId: stage.by.businessId, jobId: plain.jobId },
          decide: (state) => ({
            job: state && { ...state.job, status: "CANCELLED" as const, finishedAtMs: AT_MS },
            result: undefined,
          }),
        },
      ]);
      await stage.flow.lookThrough();
      expect(await stage.statuses(ghost, next)).toEqual(["QUEUED", "QUEUED:group"]);
    });

    test("a job with cancelInProgress cancels earlier jobs only once it may start and a node could run it", async () => {
      const cancels = { concurrency: { group: "g", cancelInProgress: true } };
      const running = await stage.submit({ concurrency });
      const taken = await stage.takeJust(running);
      const late = await stage.submit({ ...cancels, notBefore: LATER });
      await stage.flow.lookThrough();
      expect((await stage.find(running.jobId)).cancelRequestedAtMs).toBeUndefined();
      await becomeDue();
      expect((await stage.find(running.jobId)).cancelRequestedAtMs).toBe(AT_MS);
      await stage.end(taken, "FAILED");
      const takenLate = await stage.takeJust(late);
      const waiting = await stage.submit(stuck);
      const ghost = await stage.submit({ ...stuck, ...cancels });
      await stage.flow.lookThrough();
      expect(await stage.statuses(waiting, ghost)).toEqual(["CANCELLED", "QUEUED:group"]);
      expect((await stage.find(late.jobId)).cancelRequestedAtMs).toBeUndefined();
      stage.isStuck = () => false;
      await stage.flow.lookThrough();
      expect((await stage.find(late.jobId)).cancelRequestedAtMs).toBe(AT_MS);
      await stage.end(takenLate, "FAILED");
      expect(await stage.statuses(ghost)).toEqual(["QUEUED"]);
    });

    test("the jobs that hold a place are listed, oldest first", async () => {
      const wide = { concurrency: { group: "g", limit: 2 } };
      const [one, two] = [await stage.submit(wide), await stage.submit(wide)];
      await stage.submit(wide);
      const key = { businessId: stage.by.businessId, group: "g" };
      const ids = async (limit: number) =>
        (await stage.stores.flow.groupHolders(key, limit)).map((job) => job.jobId);
      expect(await ids(10)).toEqual([one.jobId, two.jobId]);
      expect(await ids(1)).toEqual([one.jobId]);
    });

    test("while jobs arrive and nodes take them, never more than the limit are active, and all get their turn", async () => {
      const limited = { concurrency: { group: "g", limit: 3 } };
      const submitted: JobRecord[] = [];
      const add = async (i: number) => {
        const labels: Record<string, string> = i % 3 === 0 ? { disk: "tape" } : {};
        const notBefore = i % 5 === 4 ? LATER : undefined;
        submitted.push(await stage.submit({ ...limited, labels, notBefore }));
      };
      let ended = 0;
      for (let round = 0; round < 12; round++) {
        const adds = [0, 1, 2, 3, 4].map((i) => add(round * 5 + i));
        const [one, two] = await Promise.all([
          stage.take(1),
          stage.take(2),
          ...adds,
          stage.flow.lookThrough(),
        ]);
        const taken = [...one, ...two];
        expect(taken.length).toBeLessThanOrEqual(3);
        ended += taken.length;
        await Promise.all([stage.end(taken, "SUCCESS"), stage.flow.lookThrough()]);
      }
      stage.isStuck = () => false;
      await becomeDue();
      const able = submitted.filter((job) => job.manifest.labels.disk === undefined).length;
      for (let round = 0; round < 60 && ended < able; round++) {
        const taken = await stage.take();
        expect(taken.length).toBeLessThanOrEqual(3);
        ended += taken.length;
        await stage.end(taken, "SUCCESS");
        await stage.flow.lookThrough();
        const others = await stage.stores.jobs.list({
          businessId: stage.by.businessId,
          status: ["QUEUED"],
          name: undefined,
          labels: { disk: "tape" },
          beforeJobId: undefined,
          limit: 100,
        });
        // The node has no such disk, so the test ends those of these jobs that have a place.
        for (const { jobId } of others.filter((job) => job.gate === undefined)) {
          await stage.service.cancel(stage.by.businessId, jobId);
        }
      }
      expect(ended).toBe(able);
    });
  });
}
