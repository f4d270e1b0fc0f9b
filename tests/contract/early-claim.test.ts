import { expect, spyOn, test } from "bun:test";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import type { Assigned } from "../../server/execution/execution-store.ts";
import { LogSync } from "../../server/store/log-sync.ts";
import { makeScratch } from "../support/scratch.ts";
import { jobOf, nodeOf } from "./control-plane.contract.ts";

test("SQLite: a job is claimed before its insert is on disk, and both are acknowledged after one way there", async () => {
  await using scratch = await makeScratch();
  const stores = openSqliteStores(scratch.path);
  const node = nodeOf("biz");
  await stores.nodes.insert(node);
  const acknowledged: string[] = [];
  let claimed: Promise<Assigned[][]> | undefined;
  stores.jobs.onClaimable?.((businessId) => {
    const request = { nodeId: node.nodeId, businessId, limit: 1, nowMs: 1_000, leaseExpiresAtMs: 16_000 };
    claimed = stores.assignments.assign([request]);
    claimed.then(() => acknowledged.push("claim"));
  });
  const sync = spyOn(LogSync.prototype, "sync");
  const job = jobOf("biz");
  await stores.jobs.insert([{ job, idempotency: undefined }]);
  acknowledged.push("insert");
  const [assigned = []] = (await claimed) ?? [];
  expect(assigned.map((one) => one.job.jobId)).toEqual([job.jobId]);
  expect(acknowledged).toEqual(["insert", "claim"]);
  expect(sync).toHaveBeenCalledTimes(1);
  sync.mockRestore();
  await stores.close();
});
