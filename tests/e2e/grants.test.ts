import { expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import type { Node } from "../../shared/node.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer());
const owner = forAllTests(await Person.signIn(person.server));

const settings = (text: string) => writeFileSync(person.home.join("agent.yaml"), text);
const node = async (id: string): Promise<Node> =>
  JSON.parse(await owner.get(["node", "get", id, "--json"])) as Node;
const untilNode = (id: string, what: string, is: (node: Node) => boolean) =>
  waitFor(what, async () => is(await node(id)));

test("labels and a pool in agent.yaml apply immediately with a valid sign-in; without one they wait, everyone sees it, and a grant applies them", async () => {
  settings("labels: {disk: ssd}\n");
  let agent = await person.startAgent();
  const id = /\((node_\w+)\)/.exec(agent.stderr)?.[1] ?? "";
  expect((await node(id)).labels).toMatchObject({ disk: "ssd" });
  settings("labels: {disk: hdd, floor: 3}\npool: attic\n");
  const isNew = ({ labels, pool }: Node) => labels.disk === "hdd" && labels.floor === "3" && pool === "attic";
  await untilNode(id, "the node to have its new labels and pool", isNew);
  await agent.said(/Granted by your sign-in: pool attic, label disk=hdd, label floor=3/);
  for (const signIn of ["credentials", "config.json"]) rmSync(person.home.join(signIn), { recursive: true });
  await agent.stop();
  agent = await person.startAgent();
  settings("labels: {disk: hdd, gpu: two words}\npool: cellar\n");
  await agent.said(/Waiting for a grant, and not in force until then: pool cellar, label gpu=two words/);
  await agent.said(/node grant \S+ --pool cellar --label 'gpu=two words'/);
  const waiting = await node(id);
  // Asking for less needs no grant.
  expect(waiting).toMatchObject({
    pool: "attic",
    waitsForGrant: { pool: "cellar", labels: { gpu: "two words" } },
  });
  expect(Object.keys(waiting.labels)).not.toContain("floor");
  const status = await person.get(["agent", "status", "--workspace", "local"]);
  expect(status).toContain("Waiting for a grant");
  expect(await owner.get(["node", "list"])).toContain("pool cellar, label gpu=two words");
  await owner.get(["node", "grant", id, "--pool", "cellar", "--label", "gpu=two words"]);
  expect(await node(id)).toMatchObject({ pool: "cellar", labels: { disk: "hdd", gpu: "two words" } });
  expect((await node(id)).waitsForGrant).toBeUndefined();
});
