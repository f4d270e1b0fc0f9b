import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import type { CallId, EndpointInput } from "../../shared/endpoints/index.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import type { AgentRun } from "../../shared/node.ts";
import { type As, nodeCalls } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { describeNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";

describe.each(nodeCalls)("with the calls of agents over %s:", (calls) => {
  /** Two servers with one store and one bus: both give the same answers. */
  let planes: [TestPlane, TestPlane];
  let shared: { stores: Awaited<ReturnType<typeof openSqliteStores>>; bus: MemoryBus };
  let user: As;

  beforeEach(async () => {
    shared = { stores: await openSqliteStores(":memory:"), bus: new MemoryBus() };
    planes = [await TestPlane.start(shared), await TestPlane.start(shared)];
    for (const plane of planes) plane.api.nodeCalls = calls;
    user = await planes[0].api.user();
  });
  afterEach(async () => {
    for (const plane of planes) await plane[Symbol.asyncDispose]();
    await shared.stores.close();
  });

  let pid = 100;
  const runAt = (place: string, machine = "m1"): AgentRun => ({
    ...{ runId: crypto.randomUUID(), place, machine, host: `host-of-${place}`, pid: pid++ },
  });
  const pass = (seconds: number) => {
    for (const plane of planes) plane.pass(seconds);
  };

  async function register(run: AgentRun | undefined, as: As = user, more: object = {}, plane = planes[0]) {
    const input = { ...describeNode(), run, ...more };
    const { node, nodeKey = as.nodeKey } = await plane.api.call("nodes.register", input, as);
    return { nodeId: node.nodeId, as: { nodeKey, runId: run?.runId } };
  }
  const submit = async () => (await planes[0].api.call("jobs.submit", { command: "true" }, user)).jobId;
  const job = (jobId: string) => planes[0].api.call("jobs.retrieve", { jobId }, user);
  const poll = (as: As, executions: string[] = [], waitSeconds = 0, plane = planes[0]) =>
    plane.api.call("nodes.poll", { executions, maxAssignments: 1, waitSeconds }, as);
  const beat = (as: As, executions: string[] = []) =>
    planes[0].api.call("nodes.heartbeat", { executions }, as);

  /** A job that runs on the node. */
  async function running(as: As) {
    const jobId = await submit();
    const executionId = (await poll(as, [], 5)).assignments[0]?.executionId ?? "";
    const reports = [{ executionId, status: "RUNNING" as const, at: new Date().toISOString() }];
    await planes[0].api.call("nodes.result", { reports }, as);
    return { jobId, executionId };
  }

  /** How a poll ends that waits at a server. */
  function parked(as: As, plane: TestPlane, executions: string[] = []) {
    const input = { executions, maxAssignments: 1, waitSeconds: 30, condition: { suspended: true } };
    const response = plane.api.refused("nodes.poll", input, as);
    return response.then(({ code, detail }) => ({ code, detail }));
  }
  async function untilParked(nodeId: string) {
    const isAsleep = async () =>
      (await planes[0].api.call("nodes.retrieve", { nodeId }, user)).status === "SUSPENDED";
    await waitFor("the poll to reach the server", isAsleep);
  }

  test("a run that registers in the same place as the run before takes over the node: every call of the earlier run is refused, a waiting poll immediately, at every server", async () => {
    const first = await register(runAt("place"));
    const { executionId, jobId } = await running(first.as);
    const waits = parked(first.as, planes[1], [executionId]);
    await untilParked(first.nodeId);
    const next = runAt("place");
    const startedAtMs = performance.now();
    const second = await register(next, first.as, { executions: [executionId] });
    const { code, detail } = await waits;
    expect(performance.now() - startedAtMs).toBeLessThan(2_000);
    expect(code).toBe("node_taken");
    expect(detail).toContain(`process ${next.pid} on host-of-place`);
    const at = new Date().toISOString();
    const line = { seq: 1, stream: "stdout" as const, at, text: "late" };
    const calls: [CallId, EndpointInput<CallId>][] = [
      ["nodes.heartbeat", { executions: [] }],
      ["nodes.poll", { executions: [], maxAssignments: 1, waitSeconds: 30 }],
      ["nodes.result", { reports: [{ executionId, status: "SUCCEEDED", at }] }],
      ["nodes.logs", { batches: [batchOf(executionId, runsOf([line]))] }],
      ["nodes.drain", {}],
      ["nodes.rotate-key", {}],
    ];
    for (const as of [first.as, { nodeKey: first.as.nodeKey }]) {
      for (const [id, input] of calls) {
        expect({ id, ...(await planes[1].api.refused(id, input, as)) }).toMatchObject({
          id,
          code: "node_taken",
        });
      }
    }
    // None of it took effect: the job still runs under the second run.
    expect(await beat(second.as, [executionId])).toMatchObject({ status: "ACTIVE", abandon: [], cancel: [] });
    expect(await job(jobId)).toMatchObject({ status: "RUNNING", attempt: 1 });
  });

  test("a run from elsewhere is refused, with the node's key and by its owner, while the node is heard from, and accepted when the node has gone silent", async () => {
    const first = await register(runAt("here"));
    const { jobId, executionId } = await running(first.as);
    await submit();
    const assigned = (await poll(first.as, [executionId], 5)).assignments[0]?.executionId ?? "";
    const copy = runAt("elsewhere");
    for (const as of [first.as, user]) {
      const input = { ...describeNode(), nodeId: first.nodeId, run: copy };
      const refused = await planes[0].api.refused("nodes.register", input, as);
      expect(refused).toMatchObject({ code: "node_in_use" });
      expect(refused.detail).toContain("process");
      expect(refused.detail).toContain("on host-of-here");
    }
    // The refused attempts change nothing for the first run, even those with its key.
    expect(await beat(first.as, [executionId, assigned])).toMatchObject({ abandon: [] });
    pass(20);
    await beat(first.as, [executionId, assigned]);
    pass(20);
    const input = { ...describeNode(), run: copy };
    expect((await planes[0].api.refused("nodes.register", input, first.as)).code).toBe("node_in_use");
    pass(11);
    const second = await register(copy, first.as);
    expect(second.nodeId).toBe(first.nodeId);
    // Both executions may have started there, so neither is handed out again as if it had not.
    const given = (await poll(second.as)).assignments.map((one) => one.executionId);
    expect(given).not.toContain(assigned);
    expect(await job(jobId)).toMatchObject({ status: "FAILED", reason: "NodeLost", attempt: 1 });
    expect((await planes[0].api.refused("nodes.heartbeat", { executions: [] }, first.as)).code).toBe(
      "node_taken",
    );
  });

  test("a run from elsewhere gets the node immediately if the run before it has left", async () => {
    const first = await register(runAt("here"));
    await planes[0].api.call("nodes.heartbeat", { executions: [], leaving: true }, first.as);
    const second = await register(runAt("elsewhere"), first.as);
    expect((await beat(second.as)).status).toBe("ACTIVE");
  });

  test("of many runs from elsewhere that claim a silent node at once, one gets it", async () => {
    const first = await register(runAt("here"));
    pass(31);
    const input = (i: number) => ({ ...describeNode(), run: runAt(`place-${i}`) });
    const send = async (i: number) => {
      const body = JSON.stringify(input(i));
      const headers = { "x-api-key": first.as.nodeKey ?? "", "content-type": "application/json" };
      const plane = planes[i % 2] as TestPlane;
      return (await plane.api.fetch("/api/compute/nodes/register", { method: "POST", body, headers })).status;
    };
    const statuses = await Promise.all(Array.from({ length: 8 }, (_, i) => send(i)));
    expect(statuses.sort()).toEqual([200, 409, 409, 409, 409, 409, 409, 409]);
  });

  test("an agent that does not name its run works as before, until an agent that names its run takes the node", async () => {
    const old = await register(undefined);
    const { executionId } = await running(old.as);
    await register(undefined, old.as, { executions: [executionId] });
    expect(await beat(old.as, [executionId])).toMatchObject({ abandon: [] });
    await register(runAt("place"), old.as, { executions: [executionId] });
    expect((await planes[0].api.refused("nodes.heartbeat", { executions: [] }, old.as)).code).toBe(
      "node_taken",
    );
  });

  test("when a node's key is replaced or the node removed, its waiting poll is answered 401 immediately and brings nothing", async () => {
    const ends: ((nodeId: string) => Promise<unknown>)[] = [
      (nodeId) => planes[0].api.call("nodes.rotate-key", { nodeId }, user),
      (nodeId) => register(runAt("place"), user, { nodeId }),
      async (nodeId) => {
        pass(31);
        const isOffline = async () =>
          (await planes[0].api.call("nodes.retrieve", { nodeId }, user)).status === "OFFLINE";
        await waitFor("the node to be OFFLINE", isOffline);
        await planes[0].api.call("nodes.delete", { nodeId }, user);
      },
    ];
    for (const end of ends) {
      for (const plane of planes) {
        const labels = { only: crypto.randomUUID() };
        const { description, executions } = describeNode({ labels });
        const { nodeId, as } = await register(runAt("place"), user, { description, executions });
        const waits = parked(as, plane);
        await untilParked(nodeId);
        await end(nodeId);
        await planes[0].api.call("jobs.submit", { command: "true", labels }, user);
        expect(await waits).toMatchObject({ code: "unauthenticated" });
        expect((await planes[0].api.call("executions.list", { nodeId }, user)).executions).toEqual([]);
      }
    }
  });

  test("nodes named after the same host get different names, keep their names, and learn who else is on their machine", async () => {
    const byHost = (run: AgentRun, as: As = user, name = "vm") => {
      const { description, executions } = describeNode({ name });
      return planes[0].api.call("nodes.register", { description, executions, run, isNameOfHost: true }, as);
    };
    const [first, second] = [runAt("home-1"), runAt("home-2")];
    const one = await byHost(first);
    const two = await byHost(second);
    const three = await byHost(runAt("home-3", "m2"));
    expect([one, two, three].map((each) => each.node.name)).toEqual(["vm", "vm-2", "vm-3"]);
    const { nodeId, name } = one.node;
    expect(two.onSameMachine).toEqual([{ nodeId, name, owner: "tester" }]);
    expect([one, three].map((each) => each.onSameMachine)).toEqual([[], []]);
    expect(two.node).toMatchObject({ owner: "tester", host: "host-of-home-2", machine: "m1" });
    // Each keeps its own node when it registers again, with its key and by its owner.
    expect((await byHost(first, { nodeKey: one.nodeKey })).node.name).toBe("vm");
    const again = await byHost(second, { nodeKey: two.nodeKey });
    expect(again.node.name).toBe("vm-2");
    expect(again.onSameMachine).toMatchObject([{ name: "vm" }]);
    expect((await byHost(second, { nodeKey: two.nodeKey }, "host")).node.name).toBe("host");
    // A name that a person chose stays unchanged.
    const given = await register(runAt("home-4"), user, describeNode({ name: "vm" }));
    const view = await planes[0].api.call("nodes.retrieve", { nodeId: given.nodeId }, user);
    expect(view.name).toBe("vm");
  });
});
