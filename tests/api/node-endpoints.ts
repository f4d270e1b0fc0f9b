import { expect } from "bun:test";
import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";
import type { EndpointInput } from "../../shared/endpoints/index.ts";
import { headersOf } from "../support/api.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { runningJob } from "./job-endpoints.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for each node endpoint. */
export const nodeScenarios = {
  "nodes.register": async ({ api, user }) => {
    const first = await api.call("nodes.register", describeNode({ name: "first" }), user);
    const { nodeId } = first.node;
    const as = { nodeKey: first.nodeKey };
    const renamed = await api.call("nodes.register", { ...describeNode({ name: "renamed" }), nodeId }, as);
    expect(renamed.node).toMatchObject({ nodeId, name: "renamed" });
    expect(renamed.nodeKey).toBeUndefined();
    // A user who takes over the node gets a new key, and the old key no longer works.
    const taken = await api.call("nodes.register", { ...describeNode(), nodeId }, user);
    await api.call("nodes.heartbeat", { executions: [] }, { nodeKey: taken.nodeKey });
    expect((await api.refused("nodes.heartbeat", { executions: [] }, as)).code).toBe("unauthenticated");
    // A registration whose response was lost is repeated: it means the same node, and only the last key works.
    const once = { "idempotency-key": crypto.randomUUID() };
    const lost = await api.call("nodes.register", describeNode(), user, once);
    const again = await api.call("nodes.register", describeNode({ name: "again" }), user, once);
    expect(again.node).toMatchObject({ nodeId: lost.node.nodeId, name: "again" });
    await api.call("nodes.heartbeat", { executions: [] }, { nodeKey: again.nodeKey });
    const dead = await api.refused("nodes.heartbeat", { executions: [] }, { nodeKey: lost.nodeKey });
    expect(dead.code).toBe("unauthenticated");
  },

  "nodes.heartbeat": async (stage) => {
    const { api, user } = stage;
    const { node, jobId, executionId } = await runningJob(stage);
    const beat = () => api.call("nodes.heartbeat", { executions: [executionId] }, node.as);
    expect(await beat()).toMatchObject({ status: "ACTIVE", cancel: [], abandon: [] });
    await api.call("jobs.cancel", { jobId }, user);
    expect((await beat()).cancel).toEqual([executionId]);
    await node.report(executionId, "CANCELLED");
    expect((await api.call("jobs.retrieve", { jobId }, user)).status).toBe("CANCELLED");
  },

  "nodes.poll": async ({ api, user }) => {
    const label = crypto.randomUUID();
    const node = await PlayedNode.register(api, user, { labels: { only: label } });
    const waiting = node.poll([], 1, 20);
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { only: label } }, user);
    const [assignment] = (await waiting).assignments;
    expect(assignment).toMatchObject({ jobId, attempt: 1 });
    // A poll whose response was lost: an execution that the node does not list is handed out again.
    const again = await node.poll([], 1, 0);
    expect(again.assignments.map((one) => one.executionId)).toEqual([assignment?.executionId ?? ""]);
    expect((await node.poll([assignment?.executionId ?? ""], 1, 0)).assignments).toEqual([]);
  },

  "nodes.socket": async ({ api, user }) => {
    const node = await PlayedNode.register(api, user);
    const response = await api.fetch("/api/compute/nodes/socket", { headers: headersOf(node.as) });
    expect(await response.json()).toEqual({ protocols: [CALLS_PROTOCOL] });
  },

  "nodes.result": async (stage) => {
    const { node, jobId, executionId } = await runningJob(stage);
    expect(await node.report(executionId, "RUNNING")).toBe("repeated");
    expect(await node.report(executionId, "FAILED", { exitCode: 7 })).toBe("applied");
    expect(await node.report(executionId, "FAILED", { exitCode: 7 })).toBe("repeated");
    const job = await stage.api.call("jobs.retrieve", { jobId }, stage.user);
    expect(job).toMatchObject({ status: "FAILED", exitCode: 7, attempt: 1 });
    expect(await node.report("exe_00000000000000000000000000", "SUCCEEDED")).toBe("stale");
  },

  "nodes.logs": async (stage) => {
    const { node, executionId } = await runningJob(stage);
    expect(await node.log(executionId, 1, ["a", "b"])).toBe(2);
    // Sends the lines again after a lost response, with one more: only the new line is stored.
    expect(await node.log(executionId, 1, ["a", "b", "c"])).toBe(3);
    expect(await node.log("exe_00000000000000000000000000", 1, ["a"])).toBe("stale");
    await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  },

  "nodes.workflow-events": async (stage) => {
    const { api, user } = stage;
    const labels = { only: crypto.randomUUID() };
    const node = await PlayedNode.register(api, user, { labels, jobTypes: ["GITHUB_ACTION"] });
    const workflow = { path: ".github/workflows/ci.yml", clone: { url: "https://example.com/acme/app" } };
    const { jobId } = await api.call("jobs.submit", { type: "GITHUB_ACTION", workflow, labels }, user);
    const { executionId } = await node.take();
    await node.report(executionId, "RUNNING");
    expect(await node.tell(executionId, 0, [])).toBe(0);
    const build = (change: object) => ({ type: "job" as const, job: { key: "build", ...change } });
    const step = { type: "step" as const, job: "build", step: { number: 1, name: "Run make" } };
    const first = [build({ name: "Build", status: "in_progress" }), step];
    expect(await node.tell(executionId, 0, first)).toBe(2);
    // After a lost answer the node sends them again, with one more; after a hole nothing is stored.
    expect(await node.tell(executionId, 9, [build({ name: "never" })])).toBe(2);
    expect(await node.tell(executionId, 0, [...first, build({ conclusion: "failure" })])).toBe(3);
    const { workflowRun } = await api.call("jobs.retrieve", { jobId }, user);
    expect(workflowRun).toMatchObject({
      path: ".github/workflows/ci.yml",
      event: "push",
      jobs: [
        { key: "build", name: "Build", conclusion: "failure", steps: [{ number: 1, name: "Run make" }] },
      ],
    });
    const execution = await api.call("executions.retrieve", { executionId }, user);
    expect(execution.workflowRun).toEqual(workflowRun);
    expect(await node.tell("exe_00000000000000000000000000", 0, [])).toBe("stale");
    const other = await PlayedNode.register(api, user);
    expect(await other.tell(executionId, 3, [step])).toBe("stale");
    await node.report(executionId, "FAILED", { exitCode: 1 });
    expect(await node.tell(executionId, 3, [step])).toBe("stale");
  },

  "nodes.inputs": async (stage) => {
    const { api, user } = stage;
    const { node, jobId, executionId } = await runningJob(stage);
    const nothing = { inputs: [], env: {}, secretEnv: {}, secretFiles: {}, notes: [] };
    expect(await api.call("nodes.inputs", { executionId }, node.as)).toEqual(nothing);
    const other = await PlayedNode.register(api, user);
    expect((await api.refused("nodes.inputs", { executionId }, other.as)).code).toBe("not_found");
    const results = { VERSION: "1.2", "no-variable": "x", OWN: "not this" };
    await node.report(executionId, "SUCCEEDED", { exitCode: 0, results });
    expect((await api.refused("nodes.inputs", { executionId }, node.as)).code).toBe("not_found");
    const labels = { only: crypto.randomUUID() };
    const taker = await PlayedNode.register(api, user, { labels });
    const manifest = { command: "true", labels, envFrom: [jobId], env: { OWN: "mine" } };
    const job = await api.call("jobs.submit", manifest, user);
    expect(job.after).toEqual([{ jobId, on: "success" }]);
    const taken = await taker.take();
    const given = await api.call("nodes.inputs", { executionId: taken.executionId }, taker.as);
    expect(given).toMatchObject({
      ...nothing,
      env: { VERSION: "1.2" },
      notes: [expect.stringContaining('"no-variable"')],
    });
  },

  "nodes.list": async ({ api, user }) => {
    const { nodeId } = await PlayedNode.register(api, user, { name: "newest" });
    const { nodes } = await api.call("nodes.list", { limit: 1 }, user);
    expect(nodes.map((node) => node.nodeId)).toEqual([nodeId]);
    expect((await api.call("nodes.list", { status: ["SUSPENDED"] }, user)).nodes).toEqual([]);
    const labels = { only: crypto.randomUUID() };
    const two = await PlayedNode.register(api, user, { name: "rack-2", pool: "listed", labels });
    const found = async (filter: EndpointInput<"nodes.list">) =>
      (await api.call("nodes.list", filter, user)).nodes.map((node) => node.nodeId);
    expect(await found({ name: "rack-?", pool: "listed", labels })).toEqual([two.nodeId]);
    expect(await found({ labels: { only: "other" } })).toEqual([]);
  },

  "nodes.retrieve": async ({ api, user }) => {
    const caps = { cpu: 2, memoryMb: 512, enforcedBy: "samples of the process tree" };
    const { nodeId } = await PlayedNode.register(api, user, { name: "one", caps });
    const node = await api.call("nodes.retrieve", { nodeId }, user);
    expect(node).toMatchObject({ nodeId, name: "one", status: "ACTIVE", runningExecutions: 0, caps });
    const nobody = { nodeId: "node_00000000000000000000000000" };
    expect((await api.refused("nodes.retrieve", nobody, user)).code).toBe("not_found");
  },

  "nodes.drain": async ({ api, user }) => {
    const label = crypto.randomUUID();
    const node = await PlayedNode.register(api, user, { labels: { only: label } });
    expect((await api.call("nodes.drain", { nodeId: node.nodeId }, user)).status).toBe("DRAINING");
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { only: label } }, user);
    expect(await node.poll([], 1, 0)).toMatchObject({ status: "DRAINING", assignments: [] });
    expect((await api.call("nodes.drain", { drain: false }, node.as)).status).toBe("ACTIVE");
    expect((await node.take()).jobId).toBe(jobId);
  },

  "nodes.grant": async ({ api, user }) => {
    const first = describeNode({ labels: { os: "linux", disk: "ssd" } });
    const { node, nodeKey } = await api.call("nodes.register", first, user);
    const { nodeId } = node;
    const announce = (change: object) => api.call("nodes.register", describeNode(change), { nodeKey });
    // The agent itself says what it detects, and may always announce less.
    const labels = { os: "darwin", gpu: "a100", disk: "hdd", "gpu.count": "8" };
    const capacity = { cpu: 4, memoryMb: 4_096, gpuCount: 0, slots: 5_000 };
    expect((await announce({ labels, pool: "secret", capacity })).node).toMatchObject({
      ...{ pool: "default", labels: { os: "darwin", "gpu.count": "8" }, capacity: { slots: 1_024 } },
      waitsForGrant: { pool: "secret", labels: { gpu: "a100", disk: "hdd" }, slots: 5_000 },
    });
    const some = await api.call("nodes.grant", { nodeId, pool: "secret", labels: { disk: "hdd" } }, user);
    expect(some).toMatchObject({
      ...{ pool: "secret", labels: { os: "darwin", "gpu.count": "8", disk: "hdd" } },
      waitsForGrant: { labels: { gpu: "a100" }, slots: 5_000 },
    });
    const all = await api.call("nodes.grant", { nodeId, labels: { gpu: "a100" }, slots: 6_000 }, user);
    expect(all).toMatchObject({ labels, capacity });
    expect(all.waitsForGrant).toBeUndefined();
    // Both pools are granted now. A new label value is not; a user who registers the node grants it.
    expect((await announce({ pool: "default", labels })).node).toMatchObject({ pool: "default", labels });
    const other = { labels: { disk: "tape" } };
    expect((await announce(other)).node).toMatchObject({ labels: {}, waitsForGrant: other });
    const mine = await api.call("nodes.register", { ...describeNode(other), nodeId }, user);
    expect(mine.node).toMatchObject(other);
    expect(mine.node.waitsForGrant).toBeUndefined();
  },

  "nodes.delete": async ({ api, user }) => {
    const node = await PlayedNode.register(api, user, { name: "gone for good" });
    const { nodeId, as } = node;
    const early = await api.refused("nodes.delete", { nodeId }, user);
    expect(early).toMatchObject({ code: "conflict", detail: expect.stringContaining("is ACTIVE") });
    await api.call("nodes.heartbeat", { executions: [], leaving: true }, as);
    await api.call("nodes.delete", { nodeId }, user);
    expect((await api.refused("nodes.delete", { nodeId }, user)).code).toBe("not_found");
    expect((await api.refused("nodes.drain", { nodeId }, user)).code).toBe("not_found");
    expect((await api.refused("nodes.rotate-key", { nodeId }, user)).code).toBe("not_found");
    expect((await api.refused("nodes.register", { ...describeNode(), nodeId }, user)).code).toBe("not_found");
    for (const call of ["nodes.heartbeat", "nodes.register"] as const) {
      const input = call === "nodes.register" ? describeNode() : { executions: [] };
      expect((await api.refused(call, input, as)).code).toBe("unauthenticated");
    }
    const { nodes } = await api.call("nodes.list", {}, user);
    expect(nodes.map((one) => one.nodeId)).not.toContain(nodeId);
    const kept = await api.call("nodes.retrieve", { nodeId }, user);
    expect(kept).toMatchObject({ name: "gone for good", status: "OFFLINE", deletedAt: expect.any(String) });
  },

  "nodes.rotate-key": async ({ api, user }) => {
    const node = await PlayedNode.register(api, user);
    const { nodeKey } = await api.call("nodes.rotate-key", { nodeId: node.nodeId }, user);
    expect((await api.refused("nodes.heartbeat", { executions: [] }, node.as)).code).toBe("unauthenticated");
    await api.call("nodes.heartbeat", { executions: [] }, { nodeKey });
    // A node that replaces its own key may repeat that, if the answer was lost; with another rotation its old key is dead.
    const once = { "idempotency-key": crypto.randomUUID() };
    const own = await api.call("nodes.rotate-key", {}, { nodeKey }, once);
    expect((await api.refused("nodes.rotate-key", {}, { nodeKey })).code).toBe("unauthenticated");
    expect((await api.refused("nodes.heartbeat", { executions: [] }, { nodeKey })).code).toBe(
      "unauthenticated",
    );
    expect(await api.call("nodes.rotate-key", {}, { nodeKey }, once)).toEqual(own);
    await api.call("nodes.heartbeat", { executions: [] }, { nodeKey: own.nodeKey });
    // A person replaces the key while a run of the agent has the node: that run, and no other, gets a new one.
    const runId = crypto.randomUUID();
    const run = { runId, place: "p", machine: "m", host: "h", pid: 1 };
    await api.call("nodes.register", { ...describeNode(), run }, { nodeKey: own.nodeKey });
    const seen = await api.call("nodes.rotate-key", { nodeId: node.nodeId }, user);
    const old = { nodeKey: own.nodeKey };
    for (const as of [old, { ...old, runId: crypto.randomUUID() }]) {
      expect((await api.refused("nodes.rotate-key", {}, as)).code).toBe("unauthenticated");
    }
    for (const call of ["nodes.heartbeat", "nodes.register"] as const) {
      const input = call === "nodes.register" ? { ...describeNode(), run } : { executions: [] };
      expect((await api.refused(call, input, { ...old, runId })).code).toBe("unauthenticated");
    }
    const followed = await api.call("nodes.rotate-key", {}, { ...old, runId });
    await api.call("nodes.heartbeat", { executions: [] }, { nodeKey: followed.nodeKey, runId });
    for (const dead of [seen, own]) {
      const refused = await api.refused(
        "nodes.heartbeat",
        { executions: [] },
        { nodeKey: dead.nodeKey, runId },
      );
      expect(refused.code).toBe("unauthenticated");
    }
  },
} satisfies Partial<Scenarios>;
