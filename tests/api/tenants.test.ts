import { beforeAll, expect, test } from "bun:test";
import { type CallId, type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { type As, headersOf, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { TestServer } from "../support/server.ts";
import { runningJob } from "./job-endpoints.ts";

const server = forAllTests(await TestServer.start());
let mine: { user: As; node: PlayedNode; jobId: string; executionId: string; template: string };
let theirs: { user: As; node: PlayedNode };

const TEMPLATE_JOB = { command: "true" };

beforeAll(async () => {
  const { api } = server;
  const user = await api.user("mine", "anna");
  const { templateId } = await api.call("templates.create", { name: "mine", job: TEMPLATE_JOB }, user);
  mine = { user, template: templateId, ...(await runningJob({ api, user })) };
  const other = await api.user("theirs", "bert");
  theirs = { user: other, node: await PlayedNode.register(api, other) };
});

test("an id of another business is answered like an id that does not exist", async () => {
  const { nodeId } = mine.node;
  const { jobId, executionId, template } = mine;
  const calls: [CallId, object][] = [
    ["jobs.retrieve", { jobId }],
    ["jobs.cancel", { jobId }],
    ["jobs.retry", { jobId }],
    ["jobs.why", { jobId }],
    ["executions.retrieve", { executionId }],
    ["templates.retrieve", { template }],
    ["templates.edit", { template, job: { command: "false" } }],
    ["templates.fork", { template }],
    ["templates.delete", { template }],
    ["templates.versions", { template }],
    ["templates.run", { template }],
    ["templates.save-job", { jobId, name: "stolen" }],
    ["schedules.create", { cron: "0 0 * * *", template }],
    ["nodes.retrieve", { nodeId }],
    ["nodes.drain", { nodeId }],
    ["nodes.grant", { nodeId, pool: "stolen" }],
    ["nodes.delete", { nodeId }],
    ["nodes.rotate-key", { nodeId }],
    ["nodes.register", { ...describeNode(), nodeId }],
  ];
  // A new endpoint that takes an id must be in this list, or its answer to a stranger must be tested below.
  const covered = [...calls.map(([id]) => id), "jobs.logs", "executions.list", "nodes.inputs"];
  expect(covered.sort()).toEqual(endpointsTakingAnId().sort());
  for (const [id, input] of calls) {
    expect({ id, code: (await server.api.refused(id, input, theirs.user)).code }).toEqual({
      id,
      code: "not_found",
    });
  }
  const stream = await server.api.fetch(`/api/compute/jobs/${jobId}/logs/stream`, {
    headers: headersOf(theirs.user),
  });
  expect((await readProblem(stream)).code).toBe("not_found");
  // None of the calls took effect.
  expect((await server.api.call("jobs.retrieve", { jobId }, mine.user)).status).toBe("RUNNING");
  await server.api.call("nodes.heartbeat", { executions: [executionId] }, mine.node.as);
});

test("a list contains nothing of another business", async () => {
  const { api } = server;
  expect((await api.call("jobs.list", {}, theirs.user)).jobs).toEqual([]);
  expect((await api.call("executions.list", {}, theirs.user)).executions).toEqual([]);
  expect((await api.call("executions.list", { jobId: mine.jobId }, theirs.user)).executions).toEqual([]);
  expect((await api.call("templates.list", { builtin: false }, theirs.user)).templates).toEqual([]);
  const byName = await api.refused("templates.retrieve", { template: "mine" }, theirs.user);
  expect(byName.code).toBe("not_found");
  const nodes = (await api.call("nodes.list", {}, theirs.user)).nodes.map((node) => node.nodeId);
  expect(nodes).toEqual([theirs.node.nodeId]);
});

test("a node of another business cannot report on an execution, and gets none of the jobs", async () => {
  const { node } = theirs;
  const { executionId } = mine;
  expect((await server.api.refused("nodes.inputs", { executionId }, node.as)).code).toBe("not_found");
  expect(await node.report(mine.executionId, "SUCCEEDED", { exitCode: 0 })).toBe("stale");
  expect(await node.log(mine.executionId, 1, ["forged"])).toBe("stale");
  await server.api.call("jobs.submit", { command: "true" }, mine.user);
  expect((await node.poll([], 4, 0)).assignments).toEqual([]);
});

test("one node cannot act as another node of the same business", async () => {
  const neighbour = await PlayedNode.register(server.api, mine.user, { labels: { only: "neighbour" } });
  expect(await neighbour.report(mine.executionId, "SUCCEEDED", { exitCode: 0 })).toBe("stale");
  const { nodeId } = mine.node;
  expect((await server.api.refused("nodes.rotate-key", { nodeId }, neighbour.as)).status).toBeOneOf([
    403, 404,
  ]);
  expect((await server.api.refused("nodes.drain", { nodeId }, neighbour.as)).status).toBeOneOf([403, 404]);
});

function endpointsTakingAnId(): EndpointId[] {
  const ids = Object.keys(endpoints) as EndpointId[];
  return ids.filter((id) => {
    const { shape } = endpoints[id].input;
    return "template" in shape || "jobId" in shape || "nodeId" in shape || "executionId" in shape;
  });
}
