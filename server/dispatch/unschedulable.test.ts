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
