import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type AgentHere, startAgentHere } from "../tests/support/agent/agent-here.ts";
import { ControlPlane } from "../tests/support/agent/control-plane.ts";
import { processesNaming } from "../tests/support/processes.ts";
import { waitFor } from "../tests/support/wait.ts";
import { processesOf } from "./process/marks.ts";
import { isResult } from "./state/outbox.ts";

let plane: ControlPlane;
let stateDir: string;
let agents: AgentHere[] = [];

beforeEach(() => {
  plane = new ControlPlane();
  plane.start();
  stateDir = mkdtempSync(join(tmpdir(), "agent-"));
});
afterEach(async () => {
  for (const agent of agents) {
    agent.stop.abort();
    agent.cancelAll.abort();
    await agent.done;
  }
  agents = [];
  await plane.stop();
  await waitFor("the supervisors to end", () => processesNaming(stateDir).length === 0, {
    timeoutMs: 20_000,
  });
  rmSync(stateDir, { recursive: true, force: true });
});

function startAgent(slots = 4): AgentHere {
  // The played server opens no WebSocket.
  const settings = { connection: "http" };
  const agent = startAgentHere({ url: plane.url, stateDir, slots, settings, labels: { team: "blue" } });
  agents.push(agent);
  return agent;
}

/** Shell text that waits for a file to appear. */
const untilOpen = (gate: string) => `until [ -e ${gate} ]; do sleep 0.02; done`;
const ended = (id: string) => () => plane.statuses(id).some((status) => status !== "RUNNING");
const endOf = (id: string) => plane.reports.find((one) => one.executionId === id && one.status !== "RUNNING");
const filesIn = (name: string) => readdirSync(join(stateDir, "supervisors", "test", name));

describe("the agent", () => {
  test("registers, runs a job, and reports its lines, then its result", async () => {
    startAgent();
    const id = plane.submit({ command: "echo out; echo err >&2; exit 3" });
    await plane.until(ended(id), "the result");
    expect(plane.statuses(id)).toEqual(["RUNNING", "FAILED"]);
    expect(endOf(id)).toMatchObject({ exitCode: 3 });
    expect(
      plane.lines
        .get(id)
        ?.map((line) => line.text)
        .sort(),
    ).toEqual(["err", "out"]);
    expect(plane.lines.get(id)?.map((line) => line.seq)).toEqual([1, 2]);
    expect(statSync(join(stateDir, "node.json")).mode & 0o777).toBe(0o600);
    expect(filesIn("work")).toEqual([]);
    const order = plane.requests.map((one) => JSON.stringify(one));
    const result = order.findIndex((one) => one.includes("FAILED"));
    const lastLines = order.findLastIndex((one) => one.includes('"nodes.logs"'));
    expect(lastLines).toBeLessThan(result);
  });

  test("a second agent in the same directory is refused", async () => {
    startAgent();
    await plane.until(() => existsSync(join(stateDir, "node.json")), "registered");
    expect((await startAgent().done)?.message).toContain("Another agent");
  });

  test("loses no line and no result while the server is away", async () => {
    const agent = startAgent();
    const gate = join(stateDir, "gate");
    const id = plane.submit({
      command: `i=0; while [ $i -lt 5000 ]; do echo "line $i"; i=$((i+1)); [ $i = 10 ] && ${untilOpen(gate)}; done; echo end`,
    });
    await plane.until(() => (plane.lines.get(id)?.length ?? 0) >= 10, "first lines");
    await plane.stop();
    await Bun.write(gate, "go\n");
    await plane.until(() => filesIn("outbox").length === 1, "the result waits in the outbox");
    expect(filesIn("spool").length).toBeGreaterThan(0);
    plane.start();
    await plane.until(ended(id), "the result");
    expect(plane.text(id)).toBe(`${Array.from({ length: 5_000 }, (_, i) => `line ${i}\n`).join("")}end\n`);
    expect(plane.statuses(id)).toEqual(["RUNNING", "SUCCEEDED"]);
    await plane.until(
      () => filesIn("outbox").length + filesIn("spool").length === 0,
      "nothing is left on disk",
    );
    expect(agent.said.filter((line) => line.startsWith("warn"))).toEqual([
      expect.stringContaining("Trying again until it answers"),
    ]);
    expect(agent.said.filter((line) => line.includes("is back"))).toHaveLength(1);
  });

  test("delivers at its next start what it could not deliver before", async () => {
    const first = startAgent();
    const gate = join(stateDir, "gate");
    const id = plane.submit({ command: `echo begin; ${untilOpen(gate)}; echo end` });
    await plane.until(() => plane.text(id) === "begin\n", "the first line");
    await plane.stop();
    first.stop.abort();
    await Bun.write(gate, "go\n");
    await plane.until(() => filesIn("outbox").length === 1, "the result waits in the outbox");
    first.cancelAll.abort();
    expect(await first.done).toBeUndefined();
    // The process that holds the jobs may be writing the file again at this moment.
    expect(filesIn("outbox").filter(isResult)).toEqual([`${id}.json`]);
    plane.start();
    startAgent();
    await plane.until(ended(id), "the result");
    const register = plane.requests.findLast((one) => one.id === "nodes.register");
    expect(register?.body.executions).toEqual([id]);
    expect(register?.key).toBe("key-1");
    expect(plane.text(id)).toBe("begin\nend\n");
    await plane.until(() => filesIn("outbox").length === 0, "the outbox is empty");
  });

  test("drains when told to stop: running jobs finish, nothing new starts", async () => {
    const agent = startAgent();
    const gate = join(stateDir, "gate");
    const id = plane.submit({ command: `echo begin; ${untilOpen(gate)}; echo end` });
    await plane.until(() => plane.text(id) === "begin\n", "the first line");
    agent.stop.abort();
    const late = plane.submit({ command: "echo late" });
    await Bun.write(gate, "go\n");
    expect(await agent.done).toBeUndefined();
    expect(plane.text(id)).toBe("begin\nend\n");
    expect(plane.statuses(id)).toEqual(["RUNNING", "SUCCEEDED"]);
    expect(plane.statuses(late)).toEqual([]);
    expect(existsSync(join(stateDir, "lock"))).toBe(false);
    // The server need not wait for a node that runs nothing any more.
    expect(plane.requests.at(-1)).toMatchObject({ id: "nodes.heartbeat", body: { leaving: true } });
  });

  test("cancels running jobs when told to stop a second time", async () => {
    const agent = startAgent();
    const id = plane.submit({ command: "trap '' TERM; echo up; sleep 600", graceSeconds: 0.1 });
    await plane.until(() => plane.text(id) === "up\n", "the first line");
    agent.stop.abort();
    agent.cancelAll.abort();
    expect(await agent.done).toBeUndefined();
    expect(endOf(id)).toMatchObject({ status: "CANCELLED", signal: "SIGKILL" });
    expect(processesOf(new Set([id]))).toEqual([]);
  });

  test("cancels a job by order with TERM, its grace and KILL, and reports when its processes are gone", async () => {
    startAgent();
    const id = plane.submit({ command: "trap '' TERM; echo up; sleep 600", graceSeconds: 0.2 });
    await plane.until(() => plane.text(id) === "up\n", "the first line");
    plane.order({ cancel: [id] });
    await plane.until(ended(id), "the result");
    expect(endOf(id)).toMatchObject({ status: "CANCELLED", signal: "SIGKILL" });
    expect(plane.lines.get(id)?.find((line) => line.stream === "system")?.text).toContain("SIGTERM now");
  });

  test("ends a job at its time limit and says so", async () => {
    startAgent();
    const id = plane.submit({ command: "echo up; sleep 600", timeoutSeconds: 0.2 });
    await plane.until(ended(id), "the result");
    expect(endOf(id)).toMatchObject({ status: "FAILED", reason: "Timeout", signal: "SIGTERM" });
    expect(endOf(id)?.message).toContain("0.2 s");
  });

  test("kills jobs that are no longer its own immediately, and reports nothing about them", async () => {
    startAgent();
    const abandoned = plane.submit({ command: "trap '' TERM; echo up; sleep 600" });
    const stale = plane.submit({ command: "trap '' TERM; sleep 600" });
    plane.stale.add(stale);
    await plane.until(() => plane.text(abandoned) === "up\n", "the first line");
    plane.order({ abandon: [abandoned] });
    await plane.until(() => processesOf(new Set([abandoned, stale])).length === 0, "both are gone");
    await plane.until(() => filesIn("work").length === 0, "their directories are gone");
    expect(plane.statuses(abandoned)).toEqual(["RUNNING"]);
    expect(plane.statuses(stale)).toEqual([]);
  });

  test("says what failed when a command cannot be started", async () => {
    startAgent();
    const id = plane.submit({ command: ["no-such-program"] });
    await plane.until(ended(id), "the result");
    expect(endOf(id)).toMatchObject({ status: "FAILED", reason: "StartFailed" });
    expect(endOf(id)?.message).toContain("no-such-program");
    expect(plane.statuses(id)).toEqual(["FAILED"]);
  });

  test("never starts an assignment whose lease has run out by the server's clock", async () => {
    // Less than the difference that makes a node refuse jobs.
    plane.clockOffsetMs = 4 * 60_000;
    startAgent();
    await plane.until(() => plane.requests.some((one) => one.id === "nodes.poll"), "a poll");
    const fine = plane.submit({ command: "true" });
    const late = plane.submit({ command: "true" }, -1_000);
    await plane.until(ended(fine), "the result");
    expect(plane.statuses(late)).toEqual([]);
  });

  test("runs no more jobs at the same time than it has slots, and all of them in the end", async () => {
    startAgent(2);
    const ids = Array.from({ length: 40 }, (_, i) => plane.submit({ command: ["echo", String(i)] }));
    await plane.until(() => ids.every((id) => ended(id)()), "all results");
    for (const [i, id] of ids.entries()) expect(plane.text(id)).toBe(`${i}\n`);
    const asked = plane.requests
      .filter((one) => one.id === "nodes.poll")
      .map((one) => one.body.maxAssignments);
    expect(Math.max(...(asked as number[]))).toBe(2);
  });

  test("asks for jobs ahead of free slots only while the server takes that, and goes on when it does no more", async () => {
    const asked = () =>
      plane.requests.flatMap(({ id, body }) => (id === "nodes.poll" ? [Number(body.ahead ?? 0)] : []));
    startAgent(2);
    const before = Array.from({ length: 20 }, () => plane.submit({ command: ["true"] }));
    await plane.until(() => before.every((id) => ended(id)()), "the results before");
    expect(Math.max(...asked())).toBe(0);
    plane.takesAhead = true;
    const during = Array.from({ length: 60 }, () => plane.submit({ command: ["true"] }));
    await plane.until(() => Math.max(...asked()) > 0, "a request for jobs ahead");
    expect(Math.max(...asked())).toBeWithin(1, 5);
    plane.takesAhead = false;
    await plane.until(() => during.every((id) => ended(id)()), "the results afterwards");
    const now = plane.requests.length;
    const after = plane.submit({ command: ["true"] });
    await plane.until(ended(after), "one more result");
    expect(plane.requests.slice(now).filter(({ body }) => body.ahead !== undefined)).toEqual([]);
  });

  test("gets a new key when the old one is refused", async () => {
    startAgent();
    await plane.until(() => plane.requests.some((one) => one.id === "nodes.poll"), "a poll");
    plane.nodeKey = "key-2";
    const id = plane.submit({ command: "echo hi" });
    await plane.until(ended(id), "the result");
    expect(JSON.parse(readFileSync(join(stateDir, "node.json"), "utf8")).nodeKey).toBe("key-2");
    const register = plane.requests.findLast((one) => one.id === "nodes.register");
    expect(register?.body.nodeId).toBe(plane.nodeId);
  });

  test("finishes running jobs when the session ends, then says what to do", async () => {
    const agent = startAgent();
    const gate = join(stateDir, "gate");
    const id = plane.submit({ command: `echo begin; ${untilOpen(gate)}; echo end` });
    await plane.until(() => plane.text(id) === "begin\n", "the first line");
    for (const call of ["nodes.register", "nodes.heartbeat", "nodes.poll"] as const) {
      plane.failWith.set(call, "session_ended");
    }
    await plane.until(() => agent.said.some((line) => line.startsWith("error")), "the agent says so");
    await Bun.write(gate, "go\n");
    const error = await agent.done;
    expect(error?.message).toContain("tanvrit-compute auth login");
    expect(plane.statuses(id)).toEqual(["RUNNING", "SUCCEEDED"]);
    expect(plane.text(id)).toBe("begin\nend\n");
  });

  test("says immediately when nobody is signed in", async () => {
    plane.failWith.set("nodes.register", "unauthenticated");
    const message = (await startAgent().done)?.message;
    expect(message).toStartWith("This machine cannot be registered: ");
    expect(message).not.toContain("..");
    expect(message).toContain("tanvrit-compute auth login");
  });

  test("leaves its jobs to the next agent, which takes them over: same process, no line lost or doubled", async () => {
    const first = startAgent();
    const gate = join(stateDir, "gate");
    const id = plane.submit({
      command: `echo $$; i=0; while [ $i -lt 300 ]; do echo "line $i"; i=$((i+1)); [ $i = 100 ] && ${untilOpen(gate)}; done; exit 7`,
    });
    await plane.until(() => (plane.lines.get(id)?.length ?? 0) >= 50, "first lines");
    const [pid] = processesOf(new Set([id]));
    first.leave.abort();
    expect(await first.done).toBeUndefined();
    expect(first.said.join()).toContain("Leaving 1 job running. The next agent run takes over.");
    expect(plane.requests.filter((one) => one.body.leaving)).toEqual([]);
    expect(processesOf(new Set([id]))).toContain(pid as number);
    await Bun.write(gate, "");
    startAgent();
    await plane.until(ended(id), "the result");
    expect(endOf(id)).toMatchObject({ status: "FAILED", exitCode: 7 });
    expect(plane.statuses(id).filter((status) => status !== "RUNNING")).toEqual(["FAILED"]);
    const texts = plane.lines.get(id)?.map((line) => line.text);
    expect(texts?.slice(1)).toEqual(Array.from({ length: 300 }, (_, i) => `line ${i}`));
  });

  test("reports jobs that ended while no agent ran", async () => {
    const first = startAgent();
    const gate = join(stateDir, "gate");
    const id = plane.submit({ command: `echo begun; ${untilOpen(gate)}; echo done` });
    await plane.until(() => plane.statuses(id).includes("RUNNING"), "the start");
    first.leave.abort();
    await first.done;
    await Bun.write(gate, "");
    await plane.until(() => processesOf(new Set([id])).length === 0, "the command's end");
    startAgent();
    await plane.until(ended(id), "the result");
    expect(endOf(id)).toMatchObject({ status: "SUCCEEDED", exitCode: 0 });
    expect(plane.lines.get(id)?.map((line) => line.text)).toEqual(["begun", "done"]);
  });

  test("ends every job of a supervisor that died as AgentRestarted, and goes on", async () => {
    const agent = startAgent();
    const id = plane.submit({ command: "echo begun; trap '' TERM; setsid sleep 600 & sleep 600" });
    await plane.until(() => (plane.lines.get(id)?.length ?? 0) > 0, "the first line");
    process.kill(supervisorPid(), "SIGKILL");
    await plane.until(ended(id), "the result");
    expect(endOf(id)).toMatchObject({ status: "FAILED", reason: "AgentRestarted" });
    expect(processesOf(new Set([id]))).toEqual([]);
    expect(filesIn("work")).toEqual([]);
    const next = plane.submit({ command: "echo on" });
    await plane.until(ended(next), "the next job");
    expect(endOf(next)).toMatchObject({ status: "SUCCEEDED" });
    expect(agent.said.join()).toContain("is gone; starting another one");
  });

  for (const dies of ["the supervisor", "supervisor and agent"]) {
    test(`output that a job wrote while the server was away survives the death of ${dies}`, async () => {
      const agent = startAgent();
      const gate = join(stateDir, "gate");
      const told = "x".repeat(90);
      const script = `echo begun; ${untilOpen(gate)}; seq -f 'line %.0f ${told}' 60000; sleep 600`;
      const id = plane.submit({ command: script });
      await plane.until(() => (plane.lines.get(id)?.length ?? 0) > 0, "the first line");
      await plane.stop();
      await plane.until(() => agent.said.join().includes("Trying again"), "the agent notices");
      await Bun.write(gate, "");
      await plane.until(() => isSpooled(`line 60000 ${told}"`), "the last line on disk");
      if (dies === "supervisor and agent") {
        agent.leave.abort();
        await agent.done;
      }
      process.kill(supervisorPid(), "SIGKILL");
      plane.start();
      if (dies === "supervisor and agent") startAgent();
      await plane.until(ended(id), "the result");
      expect(endOf(id)).toMatchObject({ status: "FAILED", reason: "AgentRestarted" });
      expect(plane.lines.get(id)?.map((line) => line.seq)).toEqual(
        Array.from({ length: 60_001 }, (_, i) => i + 1),
      );
      expect(plane.lines.get(id)?.at(-1)?.text).toBe(`line 60000 ${told}`);
    });
  }

  test("clears what a killed supervisor left behind", async () => {
    const dir = join(stateDir, "supervisors", "test");
    mkdirSync(join(dir, "work", "exe_left", "deep"), { recursive: true });
    mkdirSync(join(dir, "spool"), { recursive: true });
    await Bun.write(join(dir, "spool", "exe_left.000000.lines"), "{}\n");
    startAgent();
    await plane.until(() => plane.requests.some((one) => one.id === "nodes.poll"), "a poll");
    expect([...filesIn("work"), ...filesIn("spool")]).toEqual([]);
  });

  test("leaves no process behind when it ends and nothing runs", async () => {
    const agent = startAgent();
    await plane.until(() => plane.requests.some((one) => one.id === "nodes.poll"), "a poll");
    const pid = supervisorPid();
    agent.stop.abort();
    await agent.done;
    await plane.until(() => !existsSync(`/proc/${pid}`), "the supervisor's end");
  });
});

/** Whether the newest file of the spool has the text. */
function isSpooled(text: string): boolean {
  const dir = join(stateDir, "supervisors", "test", "spool");
  const newest = readdirSync(dir).sort().at(-1);
  const rows = newest === undefined ? "" : readFileSync(join(dir, newest), "latin1");
  return rows.includes(text) && rows.endsWith("\n");
}

function supervisorPid(): number {
  return JSON.parse(readFileSync(join(stateDir, "supervisors", "test", "lock"), "utf8")).pid;
}
