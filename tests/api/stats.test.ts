import { expect, test } from "bun:test";
import type { NodeLoad } from "../../shared/node.ts";
import type { StatsSubject } from "../../shared/stats.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { waitFor } from "../support/wait.ts";
import { runningJob } from "./job-endpoints.ts";

const plane = forAllTests(await TestPlane.start());
const { api } = plane;

const last = (column: (number | null)[] = []) => column.findLast((value) => value !== null);
const sum = (column: (number | null)[] = []) => column.reduce<number>((all, one) => all + (one ?? 0), 0);

test("what happens to jobs, nodes and executions is in their series some seconds later", async () => {
  const user = await api.user("busy");
  const { node, jobId, executionId } = await runningJob({ api, user });
  const beat = (...samples: [number, number, number][]) => {
    const load: NodeLoad = { cpu: 1.5, memoryMb: 2_000, executions: [{ executionId, samples }] };
    return api.call("nodes.heartbeat", { executions: [executionId], load }, node.as);
  };
  expect((await beat([4, 0.5, 100], [0, 0.7, 120])).wantsLoad).toBe(true);
  const series = (of: StatsSubject) => api.call("stats.series", { of }, user);
  plane.pass(11);
  await beat([0, 0.9, 90]);
  const ofExecution = await waitFor("what the execution used", async () => {
    plane.pass(11);
    const found = await series({ kind: "execution", id: executionId });
    return found.at.length > 3 ? found : undefined;
  });
  expect(ofExecution.stepSeconds).toBe(2);
  expect(ofExecution.columns.memoryMb?.filter((one) => one !== null)).toEqual([120, 90]);
  expect(last(ofExecution.columns.cpu)).toBe(0.9);
  const { columns } = await waitFor("what happened in the business", async () => {
    plane.pass(11);
    const found = await series({ kind: "business" });
    return last(found.columns.running) ? found : undefined;
  });
  expect([columns.submitted, columns.started, columns.failed].map(sum)).toEqual([1, 1, 0]);
  expect(last(columns.waitP95Seconds)).toBeNumber();
  const ofNode = (await series({ kind: "node", id: node.nodeId })).columns;
  expect([last(ofNode.cpu), last(ofNode.memoryMbPeak), last(ofNode.running)]).toEqual([1.5, 2_000, 1]);
  await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
  // The last samples come after the end.
  await beat([1, 0.2, 250]);
  await waitFor("what the execution used last", async () => {
    plane.pass(11);
    return last((await series({ kind: "execution", id: executionId })).columns.memoryMb) === 250;
  });
  await api.call("jobs.delete", { jobIds: [jobId] }, user);
  const gone = { of: { kind: "execution", id: executionId } };
  expect((await api.refused("stats.series", gone, user)).code).toBe("not_found");
});

test("a node cannot write the series of an execution that another node has", async () => {
  const user = await api.user("forged");
  const mine = await runningJob({ api, user });
  const other = await runningJob({ api, user });
  const { executionId } = mine;
  const load: NodeLoad = { cpu: 0.5, memoryMb: 0, executions: [{ executionId, samples: [[0, 99, 99]] }] };
  await api.call("nodes.heartbeat", { executions: [other.executionId], load }, other.node.as);
  await waitFor("the history to be written", async () => {
    plane.pass(11);
    const of = { kind: "node" as const, id: other.node.nodeId };
    return last((await api.call("stats.series", { of }, user)).columns.cpu) === 0.5;
  });
  const of = { kind: "execution" as const, id: executionId };
  expect((await api.call("stats.series", { of }, user)).at).toEqual([]);
});
