import { expect, test } from "bun:test";
import { jobOf, nodeOf } from "../../tests/contract/control-plane.contract.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import { Unschedulable } from "./unschedulable.ts";

test("no job is reported as unschedulable if there are more nodes than are looked at", async () => {
  const stores = openSqliteStores(":memory:");
  const job = jobOf("biz", { resources: { cpu: 32 } });
  const explain = async () => (await new Unschedulable(stores.nodes).explain("biz", [job]))[0];
  const addSmall = (count: number) =>
    Promise.all(Array.from({ length: count }, () => stores.nodes.insert(nodeOf("biz"))));
  await addSmall(1);
  expect(await explain()).toContain("The only registered node cannot run this job");
  // The newest nodes are looked at first, and soon there are a thousand newer ones.
  await stores.nodes.insert(nodeOf("biz", { cpu: 64 }));
  await addSmall(1_000);
  expect(await explain()).toBeUndefined();
  await stores.close();
});

test("the nodes are not read for a job that a waiting node can run, and are for one that it cannot", async () => {
  const waiting = nodeOf("biz", { cpu: 4 });
  let reads = 0;
  const list = async () => {
    reads++;
    return [waiting];
  };
  const unschedulable = new Unschedulable({ list }, () => [waiting]);
  const [small, large] = [jobOf("biz", { resources: { cpu: 2 } }), jobOf("biz", { resources: { cpu: 32 } })];
  expect(await unschedulable.explain("biz", [small, small])).toEqual([undefined, undefined]);
  expect(reads).toBe(0);
  const reasons = await unschedulable.explain("biz", [small, large]);
  expect(reasons).toEqual([
    undefined,
    expect.stringContaining("The only registered node cannot run this job"),
  ]);
  expect(reads).toBe(1);
});
