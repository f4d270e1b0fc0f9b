import { afterAll, beforeAll, expect, test } from "bun:test";
import { limits } from "../../shared/limits.ts";
import type { As } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";

let plane: TestPlane;
let user: As;

beforeAll(async () => {
  plane = await TestPlane.start();
  user = await plane.api.user();
});
afterAll(() => plane[Symbol.asyncDispose]());

/** A job of its own node. */
async function running(maxRetries = 0) {
  const labels = { only: crypto.randomUUID() };
  const node = await PlayedNode.register(plane.api, user, { labels });
  const { jobId } = await plane.api.call("jobs.submit", { command: "true", labels, maxRetries }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  return { node, jobId, executionId };
}

const outputProblems = [{ path: "dist/app", message: "it changed while it was read" }];

test("results and what could not be collected show in the job, in the execution, and in lists", async () => {
  const { node, jobId, executionId } = await running();
  const end = { exitCode: 0, results: { VERSION: "1.2", NOTES: "a\nb" }, outputProblems };
  expect(await node.report(executionId, "SUCCEEDED", end)).toBe("applied");
  expect(await plane.api.call("jobs.retrieve", { jobId }, user)).toMatchObject(end);
  expect(await plane.api.call("executions.retrieve", { executionId }, user)).toMatchObject(end);
  expect((await plane.api.call("executions.list", { jobId }, user)).executions).toMatchObject([end]);
  expect((await plane.api.call("jobs.list", { limit: 1 }, user)).jobs).toMatchObject([end]);
});

test("each attempt keeps its own results; the job shows those of the last one", async () => {
  const { node, jobId, executionId } = await running(1);
  await node.report(executionId, "FAILED", { exitCode: 1, results: { TRY: "1" } });
  plane.pass(60);
  const second = await node.take();
  await node.report(second.executionId, "RUNNING");
  await node.report(second.executionId, "SUCCEEDED", { exitCode: 0, results: { TRY: "2" } });
  expect((await plane.api.call("jobs.retrieve", { jobId }, user)).results).toEqual({ TRY: "2" });
  const { executions } = await plane.api.call("executions.list", { jobId }, user);
  expect(executions.map(({ attempt, results }) => [attempt, results?.TRY])).toEqual([
    [2, "2"],
    [1, "1"],
  ]);
});

test("results that are too large are refused with the limit, and the report without them is taken", async () => {
  const { node, executionId } = await running();
  const results = { TEXT: "x".repeat(limits.maxResultsBytes) };
  const report = { executionId, status: "SUCCEEDED", at: new Date().toISOString(), results };
  const refused = await plane.api.refused("nodes.result", { reports: [report] }, node.as);
  expect(refused).toMatchObject({ code: "invalid_request", errors: [{ path: "reports.0.results" }] });
  expect(await node.report(executionId, "SUCCEEDED", { exitCode: 0 })).toBe("applied");
});

test("a list of jobs with large results comes in pages that stay small", async () => {
  const labels = { only: crypto.randomUUID() };
  const node = await PlayedNode.register(plane.api, user, {
    labels,
    capacity: { cpu: 4, memoryMb: 1, gpuCount: 0, slots: 500 },
  });
  const jobs = Array.from({ length: 300 }, () => ({ command: "true", labels }));
  await plane.api.call("jobs.submit-batch", { jobs }, user);
  const results = { TEXT: "x".repeat(limits.maxResultsBytes - 100) };
  let ended = 0;
  while (ended < jobs.length) {
    const { assignments } = await node.poll([], 100, 5);
    const at = new Date().toISOString();
    const reports = assignments.map(({ executionId }) => ({
      executionId,
      status: "SUCCEEDED" as const,
      at,
      results,
    }));
    if (reports.length > 0) await plane.api.call("nodes.result", { reports }, node.as);
    ended += reports.length;
  }
  let seen = 0;
  let cursor: string | undefined;
  do {
    const response = await plane.api.send("jobs.list", JSON.stringify({ labels, limit: 500, cursor }), user);
    const text = await response.text();
    expect(text.length).toBeLessThan(9 * 1024 * 1024);
    const page = JSON.parse(text);
    seen += page.jobs.length;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  expect(seen).toBe(jobs.length);
});
