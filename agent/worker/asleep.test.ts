import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { NodeCondition } from "../../shared/node.ts";
import { type AgentHere, startAgentHere } from "../../tests/support/agent/agent-here.ts";
import { ControlPlane } from "../../tests/support/agent/control-plane.ts";

let plane: ControlPlane;
let stateDir: string;
let agent: AgentHere | undefined;

beforeEach(() => {
  plane = new ControlPlane();
  plane.start();
  stateDir = mkdtempSync(join(tmpdir(), "asleep-"));
});
afterEach(async () => {
  agent?.stop.abort();
  await agent?.done;
  await plane.stop();
  rmSync(stateDir, { recursive: true, force: true });
});

function startAgent(settings: object): void {
  agent = startAgentHere({ url: plane.url, stateDir, slots: 2, settings });
}

type Asked = ControlPlane["requests"][number];
const isAsleep = (request: Asked | undefined) =>
  (request?.body.condition as NodeCondition | undefined)?.suspended === true;
const lastPoll = () => plane.requests.findLast((one) => one.id === "nodes.poll");
const supervisorLock = () => join(stateDir, "supervisors", "test", "lock");

test("an agent that sleeps keeps one waiting request that says so, sends no heartbeat, and has no other process", async () => {
  startAgent({ idleSuspendSeconds: 0.05 });
  await plane.until(() => plane.requests.some(isAsleep), "a poll that says so");
  await plane.until(() => !existsSync(supervisorLock()), "the process for jobs to end");
  const before = plane.requests.length;
  // Awake, it would send a heartbeat every 0.2 s.
  await Bun.sleep(700);
  expect(plane.requests.slice(before)).toEqual([]);
  expect(lastPoll()?.body).toMatchObject({
    condition: { suspended: true },
    maxAssignments: 2,
    waitSeconds: 50,
  });
});

test("a job wakes it: it tells the server, runs the job, and sleeps again", async () => {
  startAgent({ idleSuspendSeconds: 0.05 });
  await plane.until(() => !existsSync(supervisorLock()) && plane.requests.some(isAsleep), "asleep");
  const before = plane.requests.length;
  const id = plane.submit({ command: "echo up" });
  await plane.until(() => plane.statuses(id).includes("SUCCEEDED"), "the result");
  expect(plane.text(id)).toBe("up\n");
  const [first] = plane.requests.slice(before).filter((one) => one.id === "nodes.heartbeat");
  expect(first?.body).toMatchObject({ executions: [id], condition: { suspended: false } });
  await plane.until(() => isAsleep(plane.requests.at(-1)), "asleep again");
});

test("waking many times within a minute does not count as a failure", async () => {
  startAgent({ idleSuspendSeconds: 0 });
  for (let round = 0; round < 8; round++) {
    await plane.until(() => !existsSync(supervisorLock()) && isAsleep(lastPoll()), "asleep");
    const id = plane.submit({ command: "true" });
    await plane.until(() => plane.statuses(id).includes("SUCCEEDED"), `result ${round}`);
  }
  expect(agent?.said.filter((one) => one.includes("died") || one.includes("gone"))).toEqual([]);
});

test("a node whose clock is far off asks for no job and says why, and withdraws a poll that waits", async () => {
  plane.clockOffsetMs = -20 * 60_000;
  const early = plane.submit({ command: "true" });
  startAgent({});
  const refusing = () => (lastPoll()?.body.condition as NodeCondition | undefined)?.refusing;
  await plane.until(() => refusing() !== undefined, "a poll that says why", 15_000);
  expect(refusing()).toContain("clock is 20 minutes ahead of the server's");
  // It does not even get the job that waited for it: it first asks for the server's time.
  const polls = plane.requests.filter((one) => one.id === "nodes.poll");
  expect(polls.map((one) => one.body.maxAssignments)).toEqual(polls.map(() => 0));
  expect(plane.statuses(early)).toEqual([]);
  const lastBeat = () => plane.requests.findLast((one) => one.id === "nodes.heartbeat")?.body.condition;
  await plane.until(() => (lastBeat() as NodeCondition | undefined)?.refusing !== undefined, "a heartbeat");
  expect(lastBeat()).toMatchObject({ suspended: false, refusing: refusing() });
});
