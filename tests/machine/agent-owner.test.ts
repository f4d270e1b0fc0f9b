import { afterEach, expect, test } from "bun:test";
import { renameSync, rmSync } from "node:fs";
import type { AgentStatus } from "../../agent/control/protocol.ts";
import type { Node } from "../../shared/node.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { processesOfJob } from "../support/processes.ts";
import { Running } from "../support/program.ts";
import { waitFor, within } from "../support/wait.ts";

const person = forAllTests(await Person.withServer());
afterEach(async () => {
  await person.stopAgents();
  rmSync(person.home.join("agent.yaml"), { force: true });
});

/** The output of `agent status --json` and its exit code. */
async function look(): Promise<{ exitCode: number; state: string; status: AgentStatus; left: unknown }> {
  const { exitCode, stdout } = await person.run(["agent", "status", "--json"]);
  return { exitCode, ...JSON.parse(stdout) };
}

/** Submits a job that runs until `open` creates its file. */
async function submitGated(name: string): Promise<{ id: string; pid: number; open(): Promise<unknown> }> {
  const gate = person.home.join(`gate-${name}-${crypto.randomUUID()}`);
  const script = `echo $$; until [ -e ${gate} ]; do sleep 0.05; done; echo ${name} ends`;
  const id = await person.submit(["--name", name, "--", "sh", "-c", script]);
  await waitFor(`job ${name} to run`, async () => (await person.job(id)).status === "RUNNING");
  const pid = await waitFor("its first line", async () => {
    return Number(await person.get(["job", "logs", id])) || undefined;
  });
  return { id, pid, open: () => Bun.write(gate, "") };
}

/** Runs `agent run` until it ends by itself. */
async function runToItsEnd(args: string[]): Promise<{ exitCode: number; stderr: string }> {
  await using agent = new Running(person.home.path, ["agent", "run", ...args]);
  const exitCode = await within(30_000, `agent run ${args.join(" ")}`, agent.process.exited);
  return { exitCode, stderr: agent.stderr };
}

async function own(): Promise<Node> {
  const nodes = JSON.parse(await person.get(["node", "list", "--json"])) as Node[];
  expect(nodes).toHaveLength(1);
  return nodes[0] as Node;
}

test("agent status says what the agent does, and what it has left when it does not run", async () => {
  const before = await look();
  expect(before).toMatchObject({
    exitCode: 69,
    state: "absent",
    left: { supervisors: [], undelivered: 0, lost: 0 },
  });
  const agent = await person.startAgent(["--slots", "2", "--name", "desk"]);
  const job = await submitGated("long");
  const { exitCode, status } = await look();
  expect(exitCode).toBe(0);
  expect(status).toMatchObject({
    pid: agent.process.pid,
    node: { name: "desk" },
    server: { url: person.server.url, connection: "up" },
    nodeStatus: "ACTIVE",
    slots: { total: 2, taken: 1 },
    running: [{ jobId: job.id, name: "long", type: "COMMAND", attempt: 1 }],
    undelivered: 0,
  });
  expect(status.running[0]?.enforcedBy).toBe((await own()).caps?.enforcedBy as string);
  expect(status.supervisors).toHaveLength(1);
  expect(await person.get(["agent", "status"])).toContain(job.id);
  await agent.stop("SIGKILL");
  const after = await look();
  expect(after).toMatchObject({
    exitCode: 69,
    left: { nodeId: status.node?.nodeId, supervisors: [{ jobs: 1 }] },
  });
  expect((await person.run(["agent", "status"])).stdout).toContain("1 job may still run without it");
  for (const one of status.supervisors) process.kill(one.pid, "SIGKILL");
  const lost = await waitFor("the process that held the job to be gone", async () => {
    const now = await person.run(["agent", "status"]);
    return !now.stdout.includes("may still run") && now;
  });
  expect(lost).toMatchObject({ exitCode: 69, stdout: expect.stringContaining("held 1 job is gone") });
  await job.open();
});

test("agent status does not hang on an agent that is stopped, and says that it does not answer", async () => {
  const agent = await person.startAgent();
  agent.process.kill("SIGSTOP");
  const { exitCode, stdout } = await person.run(["agent", "status"]);
  agent.process.kill("SIGCONT");
  expect(exitCode).toBe(75);
  expect(stdout).toContain(`process ${agent.process.pid}) does not answer`);
});

test("agent drain --wait returns when nothing runs; a restart does not undo the drain, agent resume does", async () => {
  const first = await person.startAgent(["--slots", "2"]);
  const job = await submitGated("last");
  await using draining = new Running(person.home.path, ["agent", "drain", "--wait"]);
  await draining.said(/takes no new jobs; 1 job still/);
  const late = await person.submit(["--", "true"]);
  expect((await look()).status.nodeStatus).toBe("DRAINING");
  expect(draining.process.exitCode).toBeNull();
  await job.open();
  expect(await within(10_000, "agent drain --wait", draining.process.exited)).toBe(0);
  await first.stop();
  await person.startAgent(["--slots", "2"]);
  expect((await own()).status).toBe("DRAINING");
  expect((await person.job(late)).status).toBe("QUEUED");
  await person.get(["agent", "resume"]);
  expect((await person.run(["job", "wait", late])).exitCode).toBe(0);
});

test("agent drain and resume also work without the agent, with the owner's sign-in", async () => {
  const agent = await person.startAgent();
  await agent.stop();
  await person.get(["agent", "drain", "--wait"]);
  await person.startAgent();
  expect((await own()).status).toBe("DRAINING");
  await person.get(["agent", "resume"]);
  expect((await own()).status).toBe("ACTIVE");
  await using stranger = await Person.stranger();
  const never = await stranger.run(["agent", "drain"]);
  expect(never).toMatchObject({ exitCode: 66, stderr: expect.stringContaining("never been a node") });
});

test("agent stop waits for running jobs; --now cancels them; --keep-jobs leaves them to the next agent", async () => {
  await person.startAgent();
  const kept = await submitGated("kept");
  expect(await person.get(["agent", "stop", "--keep-jobs"])).toBe("");
  expect(processesOfJob(kept.id)).toContain(kept.pid);
  await person.startAgent();
  await using stopping = new Running(person.home.path, ["agent", "stop"]);
  await stopping.said(/Waiting for 1 job/);
  await kept.open();
  expect(await within(15_000, "agent stop", stopping.process.exited)).toBe(0);
  expect(await person.job(kept.id)).toMatchObject({ status: "SUCCESS", attempt: 1 });
  await person.startAgent();
  const cancelled = await submitGated("cancelled");
  expect((await person.run(["agent", "stop", "--now"])).exitCode).toBe(0);
  expect((await person.job(cancelled.id)).status).toBe("CANCELLED");
  expect(await person.run(["agent", "stop"])).toMatchObject({
    exitCode: 0,
    stderr: expect.stringContaining("is not running here"),
  });
});

test("agent run --replace takes over the jobs: same processes, one execution, no line lost", async () => {
  const first = await person.startAgent();
  const job = await submitGated("moved");
  const second = await person.startAgent(["--replace"]);
  expect(await within(5_000, "the first agent's end", first.process.exited)).toBe(0);
  expect(processesOfJob(job.id)).toContain(job.pid);
  expect((await look()).status.pid).toBe(second.process.pid);
  await job.open();
  expect((await person.run(["job", "wait", job.id])).exitCode).toBe(0);
  expect(await person.job(job.id)).toMatchObject({ attempt: 1 });
  expect((await person.get(["job", "logs", job.id])).split("\n")).toHaveLength(2);
  const [, leftMs] = /left within (\d+) ms/.exec(second.stderr) ?? [];
  expect(Number(leftMs)).toBeLessThan(2_000);
});

test("agent run --once takes one of three jobs and --max-jobs the other two, although there are more slots", async () => {
  const ids: string[] = [];
  for (const code of [3, 0, 0]) ids.push(await person.submit(["--", "sh", "-c", `exit ${code}`]));
  const statuses = async () => (await Promise.all(ids.map((id) => person.job(id)))).map((job) => job.status);
  expect(await runToItsEnd(["--once", "--slots", "4"])).toMatchObject({ exitCode: 0 });
  expect(await statuses()).toEqual(["FAILED", "QUEUED", "QUEUED"]);
  const more = await person.submit(["--", "true"]);
  expect(await runToItsEnd(["--max-jobs", "2", "--slots", "4"])).toMatchObject({ exitCode: 0 });
  expect(await statuses()).toEqual(["FAILED", "SUCCESS", "SUCCESS"]);
  expect((await person.job(more)).status).toBe("QUEUED");
  const idle = await runToItsEnd(["--idle-exit", "0.5"]);
  expect(idle).toMatchObject({ exitCode: 0, stderr: expect.stringContaining("No job came for 0.5 s") });
  expect((await person.job(more)).status).toBe("SUCCESS");
  expect((await person.run(["agent", "run", "--once", "--max-jobs", "2"])).exitCode).toBe(64);
});

test("a change of agent.yaml applies to later jobs; an invalid one is logged with its line and changes nothing", async () => {
  const file = person.home.join("agent.yaml");
  const agent = await person.startAgent(["--slots", "3", "--label", "room=attic"]);
  const old = await submitGated("old");
  const labels = async () => (await own()).labels;
  await Bun.write(file, "limits:\n  memoryMb: 300\nlabels: {room: cellar, disk: ssd, floor: 3}\nslots: 1\n");
  await waitFor("the new labels", async () => (await labels()).disk === "ssd");
  expect(await own()).toMatchObject({
    labels: { room: "attic", floor: "3" },
    capacity: { memoryMb: 300, slots: 3 },
    caps: { memoryMb: 300 },
  });
  const fresh = await submitGated("fresh");
  const { running } = (await look()).status;
  expect(running.find((one) => one.jobId === old.id)?.limits?.memoryMb).toBeUndefined();
  expect(running.find((one) => one.jobId === fresh.id)?.limits?.memoryMb).toBe(300);
  await Bun.write(file, "limits:\n  memoryMb: lots\n");
  await agent.said(/agent\.yaml:2:3: limits\.memoryMb: must be a number/);
  const { settings } = (await look()).status;
  expect(settings.error).toContain("agent.yaml:2:3: limits.memoryMb");
  expect((await own()).caps?.memoryMb).toBe(300);
  await Bun.write(`${file}.new`, "limits: {memoryMb: 400}\n");
  renameSync(`${file}.new`, file);
  await waitFor("the replaced file", async () => (await own()).caps?.memoryMb === 400);
  expect((await look()).status.settings.error).toBeUndefined();
  rmSync(file);
  await waitFor("the defaults", async () => (await own()).caps?.memoryMb === undefined);
  agent.process.kill("SIGHUP");
  await agent.said(/Nothing has changed/);
  for (const job of [old, fresh]) await job.open();
  expect((await person.run(["job", "wait", old.id, fresh.id])).exitCode).toBe(0);
});

test("an agent does not start with an invalid agent.yaml: it exits with 78 and names file, line, field and the expected value", async () => {
  const file = person.home.join("agent.yaml");
  await Bun.write(file, "labels: {a: b}\nlimits:\n  cpu: fast\n  gpus: 1\n");
  const { exitCode, stderr, stdout } = await person.run(["agent", "run"]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 78, stdout: "" });
  expect(stderr).toMatch(/agent\.yaml:3:3: limits\.cpu: must be a number/);
  expect(stderr).toMatch(/agent\.yaml:4:3: limits\.gpus: unknown field/);
});
