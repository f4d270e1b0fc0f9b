import { afterEach, beforeEach, expect, test } from "bun:test";
import { nodeAllow } from "../../shared/allow.ts";
import type { NodeFit } from "../../shared/fit.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import type { NodeDescription } from "../../shared/node.ts";
import type { As } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";

let plane: TestPlane;
let user: As;

beforeEach(async () => {
  plane = await TestPlane.start();
  user = await plane.api.user();
});
afterEach(() => plane[Symbol.asyncDispose]());

const register = (description: Partial<NodeDescription> = {}) =>
  PlayedNode.register(plane.api, user, { name: "box", ...description });

async function submit(manifest: Partial<JobManifestInput> = {}): Promise<string> {
  return (await plane.api.call("jobs.submit", { command: "true", ...manifest }, user)).jobId;
}

const whyJob = (jobId: string) => plane.api.call("jobs.why", { jobId }, user);
const why = async (manifest: Partial<JobManifestInput> = {}) => whyJob(await submit(manifest));

const never: [what: string, manifest: Partial<JobManifestInput>, rule: NodeFit["rule"], words: RegExp[]][] = [
  ["the wrong label", { labels: { os: "plan9" } }, "label", [/os=linux, not os=plan9/, /label os=plan9/]],
  ["a missing label", { labels: { disk: "ssd" } }, "label", [/has no label disk/, /label disk=ssd/]],
  ["a selector", { selector: "!os" }, "selector", [/has the label os/, /did not ask for !os/]],
  ["another pool", { pool: "gpu" }, "pool", [/in pool default/, /asked for pool default/]],
  ["too little memory", { resources: { memoryMb: 5_000 } }, "memory", [/4096 MiB/, /at most 4096 MiB/]],
  ["too few cores", { resources: { cpu: 8 } }, "cpu", [/4 cores/, /at most 4 cores/]],
  ["no GPU", { resources: { gpuCount: 1 } }, "gpu", [/0 GPUs/, /at most 0 GPUs/]],
  ["no executor for the type", { type: "DOCKER", image: "alpine" }, "type", [/cannot run DOCKER/, /DOCKER/]],
];
for (const [what, manifest, rule, [detail, hint]] of never) {
  test(`job why names ${what}, and what would have to change`, async () => {
    await register();
    const answer = await why(manifest);
    expect(answer).toMatchObject({ waitsFor: "node", nodes: [{ name: "box", verdict: "never", rule }] });
    expect(answer.nodes[0]?.detail).toMatch(detail ?? /never/);
    expect(answer.hint).toMatch(hint ?? /never/);
    expect(answer.summary).toContain("the only registered node could never run it");
  });
}

test("of several nodes, the nearest is the one that needs the fewest changes to fit", async () => {
  await register({ name: "far", labels: {}, pool: "other" });
  await register({ name: "near", labels: { disk: "ssd" } });
  const answer = await why({ labels: { disk: "ssd" }, resources: { memoryMb: 5_000 } });
  expect(answer.hint).toContain("near: it could run the job if the job asked for at most 4096 MiB");
});

test("job why says that a node is draining, has signed out, or is offline", async () => {
  const node = await register();
  expect(await why()).toMatchObject({ waitsFor: "turn", nodes: [{ verdict: "fits" }] });
  await plane.api.call("nodes.drain", { nodeId: node.nodeId }, user);
  expect(await why()).toMatchObject({
    waitsFor: "node",
    nodes: [{ verdict: "unavailable", rule: "draining" }],
  });
  await plane.api.call("nodes.drain", { nodeId: node.nodeId, drain: false }, user);
  const jobId = await submit();
  plane.pass(120);
  await waitFor("the node to be offline", async () => (await whyJob(jobId)).nodes[0]?.rule === "offline");
  plane.pass(-120);
  const other = await plane.api.user("local", "somebody");
  await PlayedNode.register(plane.api, other, { name: "theirs" });
  await plane.api.call("auth.logout", {}, other);
  const rules = (await whyJob(jobId)).nodes.map((one) => `${one.name} ${one.rule}`);
  expect(rules.sort()).toEqual(["box offline", "theirs signed-out"]);
});

test("job why quotes the agent on why its node refuses work", async () => {
  const node = await register();
  const refusing = "only 90 MiB are free below /var/lib/tanvrit";
  await plane.api.call("nodes.heartbeat", { executions: [], condition: { refusing } }, node.as);
  const jobId = await submit();
  expect(await whyJob(jobId)).toMatchObject({
    waitsFor: "node",
    nodes: [{ verdict: "unavailable", rule: "refusing", detail: `it refuses work: ${refusing}` }],
  });
  // The node exists, so the job is not one that no node could ever run.
  expect((await plane.api.call("jobs.retrieve", { jobId }, user)).unschedulableReason).toBeUndefined();
});

test("job why and a dry run name the owner's rule that keeps a job off a node", async () => {
  const { userId } = await plane.api.call("auth.whoami", {}, user);
  const allow = nodeAllow.parse({ images: ["python:*"], users: [userId] });
  await register({ jobTypes: ["COMMAND", "DOCKER"], allow });
  const job = { type: "DOCKER" as const, image: "alpine:3" };
  const detail = "its owner does not allow the image alpine:3 (allow.images)";
  const jobId = await submit(job);
  expect(await whyJob(jobId)).toMatchObject({
    nodes: [{ verdict: "never", rule: "allow", detail }],
    hint: "The closest node is box: it could run the job if its owner allowed it (allow.images in its agent.yaml).",
  });
  expect((await plane.api.call("jobs.retrieve", { jobId }, user)).unschedulableReason).toContain(detail);
  const other = await plane.api.user("local", "stranger");
  const fine = { ...job, image: "python:3" };
  expect((await plane.api.call("jobs.dry-run", fine, user)).schedulable).toBe(true);
  expect((await plane.api.call("jobs.dry-run", fine, other)).nodes[0]?.detail).toContain("(allow.users)");
});

test("job why says which jobs use a node's capacity", async () => {
  const node = await register({ capacity: { cpu: 4, memoryMb: 4_096, gpuCount: 1, slots: 2 } });
  await submit({ resources: { cpu: 3, gpuCount: 1 } });
  const { executionId } = await node.take();
  const cpu = await why({ resources: { cpu: 2 } });
  expect(cpu).toMatchObject({ waitsFor: "node", nodes: [{ verdict: "busy", rule: "room" }] });
  expect(cpu.nodes[0]?.detail).toBe("no room now: 1 job takes 3 of 4 cores (the job asks for 2)");
  expect((await why({ resources: { gpuCount: 1 } })).nodes[0]?.detail).toContain("1 of 1 GPUs");
  await submit({ priority: 9 });
  expect((await node.poll([executionId], 1, 5)).assignments).toHaveLength(1);
  expect((await why()).nodes[0]?.detail).toBe("no room now: 2 jobs take 2 of 2 slots");
});

test("job why says until when a job waits, whatever the nodes are like", async () => {
  await register();
  const notBefore = new Date(Date.now() + 3_600_000).toISOString();
  const answer = await why({ notBefore });
  expect(answer).toMatchObject({ waitsFor: "time", nodes: [{ verdict: "fits" }] });
  expect(answer.summary).toContain(notBefore);
});

test("job why names a full concurrency group, and the jobs that a job comes after", async () => {
  await register();
  const concurrency = { group: "deploy" };
  const first = await submit({ concurrency });
  const second = await submit({ concurrency });
  const third = await submit({ after: [{ jobId: first }] });
  await waitFor("the second to wait", async () => (await whyJob(second)).waitsFor === "group");
  expect((await whyJob(second)).summary).toContain("deploy");
  expect(await whyJob(third)).toMatchObject({ waitsFor: "job", summary: expect.stringContaining(first) });
});

test("a job that is not queued waits for nothing", async () => {
  const node = await register();
  const jobId = await submit();
  const { executionId } = await node.take();
  expect(await whyJob(jobId)).toMatchObject({ status: "ASSIGNED", waitsFor: "nothing", nodes: [] });
  await node.report(executionId, "RUNNING");
  expect((await whyJob(jobId)).summary).toContain(node.nodeId);
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  expect((await whyJob(jobId)).summary).toContain("SUCCESS");
});

test("without nodes, job why says how to add one", async () => {
  const answer = await why();
  expect(answer).toMatchObject({ waitsFor: "node", nodes: [], moreNodes: false });
  expect(answer.hint).toContain("agent run");
});

test("job why of a job that waits for a place names the job that has the place, and what that job waits for", async () => {
  await register();
  const group = { concurrency: { group: "deploy" }, resources: { cpu: 4 } };
  const other = { name: "long", resources: { cpu: 4 } };
  const first = await submit({ ...group, name: "ghost" });
  const second = await submit(group);
  const told = await whyJob(second);
  expect(told).toMatchObject({
    waitsFor: "group",
    heldBy: [{ jobId: first, name: "ghost", status: "QUEUED" }],
  });
  expect(told.summary).toContain(`Job ${first} (ghost) has a place. It has room on box now`);
  expect((await whyJob(await submit(other))).heldBy).toEqual([]);
});

test("job why says that no node could run the job, also behind other jobs of its group", async () => {
  await register();
  const concurrency = { group: "build" };
  await submit({ concurrency });
  const ghost = await submit({ concurrency, labels: { gpu: "h100" } });
  expect(await whyJob(ghost)).toMatchObject({ waitsFor: "node" });
  const late = await submit({ concurrency, notBefore: new Date(plane.now() + 60_000).toISOString() });
  expect(await whyJob(late)).toMatchObject({ waitsFor: "time" });
});
