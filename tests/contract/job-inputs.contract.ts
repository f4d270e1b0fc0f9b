import { describe, expect, test } from "bun:test";
import type { JobRecord } from "../../server/job/job-record.ts";
import type { RetentionStore } from "../../server/retention/retention-store.ts";
import { newId } from "../../shared/ids.ts";
import { jobOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

const NOW_MS = Date.parse("2026-03-15T12:00:00Z");
const BUSINESS = "biz";

/** What every adapter of the job port knows about the files that jobs take. */
export function jobInputsContract(
  name: string,
  open: () => Promise<ControlPlaneStores & { retention: RetentionStore }>,
): void {
  describe(`${name}: inputs of jobs`, () => {
    test("an artifact, or a job with outputs, is in use until the last job that takes it has been over for long", async () => {
      const stores = await open();
      const { jobs } = stores;
      const [artifact, data, unused, source] = [newId("art"), newId("art"), newId("art"), newId("job")];
      const ids = [artifact, data, unused, source];
      const inUse = async (endedAfterMs = NOW_MS) => (await jobs.artifactsInUse(ids, endedAfterMs)).sort();
      const takes = (...from: string[]) => jobOf(BUSINESS, { inputs: from.map((one) => ({ from: one })) });
      const first = takes(`artifact:${artifact}`, `artifact:${artifact}`, `job:${source}/dist/**`);
      const second = takes(`artifact:${data}`, `artifact:${artifact}`);
      await jobs.insert([
        { job: first, idempotency: undefined },
        { job: second, idempotency: undefined },
        { job: jobOf(BUSINESS), idempotency: undefined },
      ]);
      expect(await inUse()).toEqual([artifact, data, source].sort());
      await end(stores, first, NOW_MS - 1_000);
      expect(await inUse()).toEqual([artifact, data].sort());
      expect(await inUse(NOW_MS - 2_000)).toEqual([artifact, data, source].sort());
      await end(stores, second, NOW_MS - 500);
      expect(await inUse()).toEqual([]);
      expect(await inUse(NOW_MS - 1_000)).toEqual([artifact, data].sort());
      await stores.retention.deleteJobs(BUSINESS, [second.jobId], NOW_MS);
      expect(await inUse(0)).toEqual([artifact, source].sort());
      await stores.close();
    });

    test("ends of jobs are known, and jobs that do not exist are left out", async () => {
      const stores = await open();
      const array = jobOf(BUSINESS, { array: "1" });
      const member = { ...jobOf(BUSINESS), arrayId: array.jobId };
      await stores.jobs.insert([array, member].map((job) => ({ job, idempotency: undefined })));
      await end(stores, member, NOW_MS);
      const ends = await stores.jobs.endsOf([array.jobId, member.jobId, newId("job")]);
      expect([...ends]).toHaveLength(2);
      expect(ends.get(array.jobId)).toEqual({ arrayId: undefined, endedAtMs: undefined });
      expect(ends.get(member.jobId)).toEqual({ arrayId: array.jobId, endedAtMs: NOW_MS });
      await stores.close();
    });
  });
}

async function end({ jobs }: ControlPlaneStores, job: JobRecord, finishedAtMs: number): Promise<void> {
  const { jobId, businessId } = job;
  const ended = { ...job, status: "SUCCESS" as const, finishedAtMs };
  await jobs.change([{ key: { jobId, businessId }, decide: () => ({ job: ended, result: undefined }) }]);
}
