import { expect, test } from "bun:test";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";
import type { As } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { PlayedNode } from "../support/played-node.ts";
import { TestServer } from "../support/server.ts";

const server = forAllTests(await TestServer.start());
const { api } = server;
const user: As = await api.newUser();

const ended = (key: string, conclusion: "success" | "failure"): WorkflowEvent => ({
  type: "job",
  job: { key, status: "completed", conclusion, outputs: { from: key } },
});
const over = (conclusion: "success" | "failure"): WorkflowEvent => ({ type: "run", run: { conclusion } });

/** A workflow whose only node is played, and that node. */
async function submitted() {
  const labels = { only: crypto.randomUUID() };
  const node = await PlayedNode.register(api, user, { labels, jobTypes: ["GITHUB_ACTION", "COMMAND"] });
  const workflow = { path: "ci.yml", clone: { url: "https://example.com/acme/app" } };
  const { jobId } = await api.call("jobs.submit", { type: "GITHUB_ACTION", workflow, labels }, user);
  return { node, jobId, labels };
}

async function play(node: PlayedNode, events: WorkflowEvent[], status: "SUCCEEDED" | "FAILED") {
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  const inputs = await api.call("nodes.inputs", { executionId }, node.as);
  if (events.length > 0) await node.tell(executionId, 0, events);
  await node.report(executionId, status, { exitCode: status === "FAILED" ? 1 : 0 });
  return inputs.previousRun?.jobs.map(({ key, conclusion, outputs }) => [key, conclusion, outputs?.from]);
}

test("a retry of the failed jobs gives the node the run before, and an ordinary retry starts afresh", async () => {
  const { node, jobId } = await submitted();
  const run = [ended("lint", "success"), ended("build", "failure"), over("failure")];
  expect(await play(node, run, "FAILED")).toBeUndefined();
  const job = await api.call("jobs.retry", { jobId, failed: true }, user);
  expect(job).toMatchObject({ status: "QUEUED", queuedAgain: 1 });
  const before = [
    ["lint", "success", "lint"],
    ["build", "failure", "build"],
  ];
  expect(await play(node, run, "FAILED")).toEqual(before);
  await api.call("jobs.retry", { jobId }, user);
  expect(await play(node, run, "FAILED")).toBeUndefined();
});

test("an attempt that left no run does not count: the failed jobs are those of the attempt before", async () => {
  const { node, jobId } = await submitted();
  const run = [ended("lint", "success"), ended("build", "failure"), over("failure")];
  await play(node, run, "FAILED");
  await api.call("jobs.retry", { jobId, failed: true }, user);
  await play(node, [], "FAILED");
  await api.call("jobs.retry", { jobId, failed: true }, user);
  expect(await play(node, [], "FAILED")).toHaveLength(2);
});

test("it is refused for other jobs, for a workflow that succeeded or never ran, and for one that is not over", async () => {
  const { node, jobId, labels } = await submitted();
  expect((await api.refused("jobs.retry", { jobId, failed: true }, user)).detail).toContain(
    "only a finished job",
  );
  await play(node, [], "FAILED");
  const refusal = (id: string) => api.refused("jobs.retry", { jobId: id, failed: true }, user);
  expect(await refusal(jobId)).toMatchObject({
    code: "conflict",
    detail: expect.stringContaining("none of its jobs has run"),
  });
  await api.call("jobs.retry", { jobId }, user);
  await play(node, [ended("build", "success"), over("success")], "SUCCEEDED");
  expect(await refusal(jobId)).toMatchObject({
    code: "conflict",
    detail: expect.stringContaining("None of the jobs of workflow"),
  });
  const command = await api.call("jobs.submit", { command: "false", labels }, user);
  await play(node, [], "FAILED").catch(() => {}); // It takes no events.
  expect(await refusal(command.jobId)).toMatchObject({
    code: "invalid_request",
    errors: [{ path: "failed", message: expect.stringContaining("this job is of type COMMAND") }],
  });
});
