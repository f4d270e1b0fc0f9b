import { describe, expect, test } from "bun:test";
import type { Stores } from "../../server/compose/stores.ts";
import type { NewJob } from "../../server/job/job-store.ts";
import { TrashService } from "../../server/trash/api/trash-service.ts";
import { TrashBin } from "../../server/trash/bin.ts";
import type { IntoTrash } from "../../server/trash/trash-store.ts";
import { newId } from "../../shared/ids.ts";
import { jobOf } from "./control-plane.contract.ts";
import { idsOf } from "./many-jobs.contract.ts";

export type TrashStores = Pick<
  Stores,
  "trash" | "retention" | "templates" | "schedules" | "secrets" | "artifacts" | "jobs"
> & { close(): Promise<void> };

const DAY_MS = 24 * 3_600_000;
const START_MS = Date.parse("2026-03-15T12:00:00Z");

/** What a deletion into the trash promises, over every store. `open` gives an empty store, which is closed after each test. */
export function trashStoreContract(name: string, open: () => Promise<TrashStores>) {
  const withStores = async (body: (stores: TrashStores) => Promise<void>) => {
    const stores = await open();
    try {
      await body(stores);
    } finally {
      await stores.close();
    }
  };
  const serviceOf = (stores: TrashStores, now: () => number) =>
    new TrashService({ ...stores, jobs: stores.retention, onGone: () => undefined, now });

  describe(`${name}: trash`, () => {
    test("after thirty days what was deleted is gone for good, and not before", async () => {
      await withStores(async (stores) => {
        let nowMs = START_MS;
        const bin = new TrashBin(
          () => undefined,
          () => nowMs,
        );
        const service = serviceOf(stores, () => nowMs);
        const by = { businessId: newId("biz"), userId: newId("usr"), role: "member" as const };
        const first = await deletedJob(stores, by.businessId, bin.entryFor(by));
        nowMs += DAY_MS;
        await deletedJob(stores, by.businessId, bin.entryFor(by));
        nowMs = START_MS + 30 * DAY_MS - 1;
        expect(await service.removeExpired(nowMs)).toBe(0);
        expect(await service.list(by.businessId, undefined, 10)).toHaveLength(2);
        nowMs += 1;
        expect(await service.removeExpired(nowMs)).toBe(1);
        const [left, ...others] = await service.list(by.businessId, undefined, 10);
        expect(others).toEqual([]);
        await service.restore(by, left?.trashId ?? "");
        expect(await stores.jobs.find(by.businessId, left?.items[0] ?? "")).toBeDefined();
        expect(await stores.jobs.find(by.businessId, first)).toBeUndefined();
        expect(await stores.retention.usage()).toMatchObject({ jobs: 1 });
      });
    });

    test("a key that was used again belongs to the newer job, and the older one comes back without it", async () => {
      await withStores(async (stores) => {
        const bin = new TrashBin(
          () => undefined,
          () => START_MS,
        );
        const service = serviceOf(stores, () => START_MS);
        const by = { businessId: newId("biz"), userId: "usr", role: "member" as const };
        const older = await deletedJob(stores, by.businessId, bin.entryFor(by), "once");
        expect(await stores.jobs.isKeyUsed(by, "once")).toBe(false);
        const newer = await endedJob(stores, by.businessId, "once");
        const [entry] = await service.list(by.businessId, undefined, 1);
        await service.restore(by, entry?.trashId ?? "");
        expect(await stores.jobs.find(by.businessId, older)).toBeDefined();
        await stores.retention.deleteJobs(by.businessId, [newer], START_MS);
        expect(await stores.jobs.isKeyUsed(by, "once")).toBe(false);
      });
    });

    test("the same holds for the keys of a batch", async () => {
      await withStores(async (stores) => {
        const businessId = newId("biz");
        const by = { businessId, userId: "usr", role: "member" as const };
        const service = serviceOf(stores, () => START_MS);
        const bin = new TrashBin(
          () => undefined,
          () => START_MS,
        );
        const insert = () => stores.jobs.insert(batchOf(businessId));
        const older = idsOf(await insert());
        await stores.retention.deleteJobs(businessId, older, START_MS, bin.entryFor(by));
        const newer = idsOf(await insert());
        const [entry] = await service.list(businessId, undefined, 1);
        await service.restore(by, entry?.trashId ?? "");
        expect(idsOf(await insert())).toEqual(newer);
        await stores.retention.deleteJobs(businessId, newer, START_MS);
        const [first, second] = await insert();
        expect([first?.kind, second?.kind]).toEqual(["created", "created"]);
      });
    });
  });
}

/** Resolves with the id of a job that ended long ago. */
async function endedJob(stores: TrashStores, businessId: string, idempotencyKey?: string): Promise<string> {
  const job = { ...jobOf(businessId), status: "CANCELLED" as const };
  const idempotency = idempotencyKey === undefined ? undefined : { key: idempotencyKey, bodyHash: "x" };
  await stores.jobs.insert([{ job, idempotency }]);
  return job.jobId;
}

async function deletedJob(
  stores: TrashStores,
  businessId: string,
  into: IntoTrash | undefined,
  idempotencyKey?: string,
): Promise<string> {
  const jobId = await endedJob(stores, businessId, idempotencyKey);
  expect(await stores.retention.deleteJobs(businessId, [jobId], START_MS, into)).toEqual(["deleted"]);
  expect(await stores.jobs.find(businessId, jobId)).toBeUndefined();
  return jobId;
}

/** Two jobs that are over. */
function batchOf(businessId: string): NewJob[] {
  return [undefined, "k#0"].map((behind, i) => ({
    job: { ...jobOf(businessId), status: "CANCELLED" as const },
    idempotency: { key: `k#${i}`, bodyHash: "x", behind },
  }));
}
