import { expect, setDefaultTimeout, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { describeNode } from "../support/played-node.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";
import { Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { stopSupervisors } from "../support/supervisors.ts";

setDefaultTimeout(60_000);
const world = forAllTests(await PortalWorld.start(["--name", "alpha"]));
const compute = await world.person.client();

async function nodeIdOf(name: string): Promise<string> {
  const [node] = await Array.fromAsync(compute.nodes.list({ name }));
  if (!node) throw new Error(`there is no node ${name}`);
  return node.nodeId;
}

test("a node is drained from the list, and gets jobs again from its page", async () => {
  await using window = await world.window("/nodes");
  const { page } = window;
  await page.getByLabel("Select alpha").check();
  await window.press("Drain 1 node");
  await window.shows("Nothing runs there now.");
  await window.press("Drain");
  await page.getByRole("row", { name: "alpha" }).getByText("Draining").waitFor();
  const { jobId } = await compute.jobs.submit({ name: "waits", command: "echo ran" });
  await page.getByRole("link", { name: "alpha", exact: true }).click();
  await page.getByRole("heading", { name: "alpha" }).waitFor();
  await window.shows("Nothing runs here now.");
  expect((await compute.jobs.retrieve(jobId)).status).toBe("QUEUED");
  await window.press("Give it jobs again");
  await compute.jobs.wait(jobId);
  // What ran there appears without a reload.
  await page.locator(`a[href="/jobs/${jobId}"]`).waitFor();
  expectQuiet(window);
});

test("a machine becomes a node by the command that the page shows, and the page says when it has arrived", async () => {
  await using window = await world.window("/nodes");
  await using home = await makeScratch();
  await window.press("Add a node");
  await window.page.getByLabel("Pool (optional)").fill("farm");
  await window.page.getByLabel("Labels (optional)").fill("rack");
  await window.shows("A label is KEY=VALUE");
  await window.page.getByLabel("Labels (optional)").fill("rack=4, disk=ssd");
  await window.press("Make the command");
  await window.shows("Waiting for the machine.");
  const command = (await window.page.locator("dialog pre").textContent()) ?? "";
  const [program, ...args] = command.split(" ");
  expect(program).toBe("tanvrit-compute");
  {
    await using _agent = new Running(home.path, args);
    await window.shows("has arrived.");
    await window.press("Done");
    const [node] = await Array.fromAsync(compute.nodes.list({ pool: "farm" }));
    expect(node?.labels).toMatchObject({ rack: "4", disk: "ssd" });
    await window.page
      .getByRole("row", { name: node?.name ?? "" })
      .first()
      .getByText("rack=4")
      .waitFor();
    await window.shows("Used up");
    // Nothing in the page can show the token again.
    expect(await window.page.content()).not.toContain("tnve_");
  }
  await stopSupervisors(home.path);
  expectQuiet(window);
});

test("an enrolment token that is revoked registers no more machines", async () => {
  const { enrolmentId, token } = await compute.enrolments.create({ uses: 9 });
  await using window = await world.window("/nodes");
  const row = window.page.getByRole("row", { name: enrolmentId });
  await row.getByRole("button", { name: "Revoke" }).click();
  await window.page.getByRole("dialog").getByRole("button", { name: "Revoke" }).click();
  await row.getByText("Revoked").waitFor();
  const refused = await world.person.server.api.refused("nodes.register", describeNode(), { nodeKey: token });
  expect(refused.code).toBe("unauthenticated");
});

test("what an agent announces beyond its grants counts once a person grants it", async () => {
  const { token } = await compute.enrolments.create({});
  const announced = describeNode({ name: "asks", labels: { os: "linux", trusted: "yes" } });
  const { node } = await world.person.server.api.call("nodes.register", announced, { nodeKey: token });
  await using window = await world.window(`/nodes/${node.nodeId}`);
  await window.shows("the label trusted=yes");
  await window.press("Grant");
  await window.page.getByText("trusted=yes", { exact: true }).waitFor();
  await window.page.getByRole("heading", { name: "Waits for a grant" }).waitFor({ state: "detached" });
  expect((await compute.nodes.retrieve(node.nodeId)).labels).toMatchObject({ trusted: "yes" });
});

test("a node whose key was replaced goes on, and one that is online is not deleted", async () => {
  await using window = await world.window(`/nodes/${await nodeIdOf("alpha")}`);
  await window.press("More for this node");
  await window.press("Rotate its key");
  await window.press("Replace the key");
  await window.shows("The key was replaced");
  await window.press("Done");
  await compute.jobs.submitAndWait({ command: "true" });
  await window.press("More for this node");
  await window.press("Delete");
  await window.shows("Stop its agent first");
  expectQuiet(window);
});

test("filters are in the address, and a name is text, whatever is in it", async () => {
  const name = `<script>alert(1)</script>${"x".repeat(170)}`;
  await world.person.server.api.call("nodes.register", describeNode({ name }), {
    token: await world.person.get(["auth", "print-token"]),
  });
  await using window = await world.window("/nodes?name=%3Cscript");
  await window.page.getByText(name).first().waitFor();
  expect(await window.page.getByRole("link", { name: "alpha", exact: true }).count()).toBe(0);
  await window.page.getByLabel("Name").fill("no such node");
  await window.shows("No node matches");
  expect(window.page.url()).toContain("name=no+such+node");
  await window.page.getByRole("link", { name: "Show all nodes" }).click();
  await window.page.getByRole("link", { name: "alpha", exact: true }).waitFor();
  expectQuiet(window);
});

test("a node that does not exist is said, and the page lives on", async () => {
  await using window = await world.window("/nodes/node_00000000000000000000000000");
  await window.shows("There is no such thing");
  await window.page.getByRole("main").getByRole("link", { name: "Nodes" }).click();
  await window.page.getByRole("heading", { name: "Nodes" }).waitFor();
});
