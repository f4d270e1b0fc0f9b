import { afterEach, beforeEach, expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { stopSupervisors } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";

/** Two agents with the same identity: a copied directory, a cloned machine, a directory that two containers share. */
const JOBS = 40;

const person = forAllTests(await Person.withServer());
let agents: Running[] = [];
let copies: Scratch[] = [];

beforeEach(() => {
  agents = [];
  copies = [];
});
afterEach(async () => {
  for (const agent of agents) await agent[Symbol.asyncDispose]();
  await person.stopAgents();
  for (const copy of copies) {
    await stopSupervisors(copy.path);
    await copy[Symbol.asyncDispose]();
  }
  await person.get(["job", "cancel", "--status", "queued", "--status", "running", "--yes"]).catch(() => "");
});

/** Starts an agent in a home directory; by default in the person's own. */
async function agentOf(home = person.home.path, registers = true): Promise<Running> {
  const agent = new Running(home, ["agent", "run", "--workspace", "local", "--slots", "2"]);
  agents.push(agent);
  if (registers) await agent.said(/Registered as .* \(node_/, 60_000);
  return agent;
}

const nodeOf = ({ stderr }: Running) => /Registered as .* \((node_\w+)\)/.exec(stderr)?.[1] ?? "";

/** Copies the home directory while the agent writes to it, like an image or a backup of the machine. */
async function copyOfHome(
  change: (node: Record<string, string>) => object = (node) => node,
): Promise<string> {
  const scratch = await makeScratch();
  copies.push(scratch);
  Bun.spawnSync(["cp", "-a", `${person.home.path}/.`, scratch.path], { stderr: "ignore" });
  const file = scratch.join("agent", "local", "node.json");
  writeFileSync(file, JSON.stringify(change(JSON.parse(readFileSync(file, "utf8")))));
  return scratch.path;
}

/** Submits jobs that write a line each, and returns the written lines in order. */
async function runMany(): Promise<string[]> {
  const file = person.home.join(`lines-${crypto.randomUUID()}`);
  const jobs = Array.from({ length: JOBS }, (_, i) =>
    JSON.stringify({ command: ["sh", "-c", `echo ${i} >> ${file}; sleep 0.05`] }),
  );
  const batch = `${file}.jsonl`;
  writeFileSync(batch, jobs.join("\n"));
  const ids = (await person.get(["job", "submit", "--batch", batch])).split("\n");
  await person.get(["job", "wait", ...ids], { timeoutMs: 60_000 });
  return readFileSync(file, "utf8")
    .trim()
    .split("\n")
    .map(Number)
    .sort((a, b) => a - b)
    .map(String);
}
const eachOnce = Array.from({ length: JOBS }, (_, i) => String(i));

async function runningJob(): Promise<{ jobId: string; gate: string }> {
  const gate = person.home.join(`gate-${crypto.randomUUID()}`);
  const jobId = await person.submit([
    "--",
    "sh",
    "-c",
    `until [ -e ${gate} ]; do sleep 0.05; done; echo end`,
  ]);
  await waitFor("the job to run", async () => (await person.job(jobId)).status === "RUNNING");
  return { jobId, gate };
}

async function endsWell({ jobId, gate }: { jobId: string; gate: string }): Promise<void> {
  writeFileSync(gate, "");
  await person.get(["job", "wait", jobId]);
  expect(await person.job(jobId)).toMatchObject({ status: "SUCCESS", attempt: 1, lostCount: 0 });
}

test("a copied directory makes a second node: every job runs once, running jobs are not disturbed, and both agents say what they are", async () => {
  const original = await agentOf();
  const long = await runningJob();
  const copy = await agentOf(await copyOfHome());
  expect(nodeOf(copy)).not.toBe(nodeOf(original));
  expect(copy.stderr).toContain(`is a copy of ${person.home.join("agent", "local")}`);
  expect(await runMany()).toEqual(eachOnce);
  await endsWell(long);
  expect(original.process.exitCode).toBeNull();
  // After a restart the copy is still the same node.
  await copy.stop();
  const again = await agentOf(copies[0]?.path);
  expect(nodeOf(again)).toBe(nodeOf(copy));
  expect(again.stderr).not.toContain("copy");
});

test("a copy that cannot see its original becomes a node of its own as soon as the original is heard from", async () => {
  const original = await agentOf();
  const long = await runningJob();
  // As on a cloned machine: the file was written for another machine and directory.
  const home = await copyOfHome((node) => ({ ...node, path: "/nowhere/agent/local" }));
  const copy = await agentOf(home);
  expect(nodeOf(copy)).not.toBe(nodeOf(original));
  expect(copy.stderr).toContain("is in use by another agent");
  expect(copy.stderr).toContain(`on ${hostname()}`);
  expect(copy.stderr).toContain("becomes a node of its own");
  expect(readdirSync(`${home}/agent/local`).some((name) => name.startsWith("copied-"))).toBe(true);
  expect(await runMany()).toEqual(eachOnce);
  await endsWell(long);
});

test("a copy that may not make a node of its own is refused, says why, and leaves the original alone", async () => {
  await agentOf();
  const long = await runningJob();
  const home = await copyOfHome((node) => ({ ...node, path: "/nowhere/agent/local" }));
  for (const signIn of ["credentials", "config.json"]) rmSync(`${home}/${signIn}`, { recursive: true });
  const args = ["agent", "run", "--workspace", "local", "--url", person.server.url];
  const { exitCode, stderr } = await runProgram(home, args, { timeoutMs: 60_000 });
  expect(exitCode).toBe(77);
  expect(stderr).toContain("is a copy of node");
  expect(stderr).toContain("auth login");
  await endsWell(long);
});

test("an agent whose node was taken stops immediately, ends its jobs, and names the other agent; nothing runs twice", async () => {
  const original = await agentOf();
  const { jobId } = await runningJob();
  const running = () => person.get(["execution", "list", "--job", jobId, "--json"]).then(JSON.parse);
  // Its machine is cut off long enough to count as gone, and its directory was restored elsewhere.
  original.process.kill("SIGSTOP");
  const home = await copyOfHome((node) => ({ ...node, path: "/nowhere/agent/local" }));
  const other = await agentOf(home);
  expect(nodeOf(other)).toBe(nodeOf(original));
  original.process.kill("SIGCONT");
  expect(await original.ended()).toBe(75);
  expect(original.stderr).toContain("Another agent has taken this node");
  expect(original.stderr).toContain(`process ${other.process.pid} on`);
  await waitFor("the job to be over", async () => (await person.job(jobId)).status === "FAILED");
  expect(await person.job(jobId)).toMatchObject({ reason: "NodeLost" });
  expect(await running()).toHaveLength(1);
  // Started again, it becomes a node of its own.
  const again = await agentOf();
  expect(nodeOf(again)).not.toBe(nodeOf(other));
  expect(await runMany()).toEqual(eachOnce);
});

const unshare = ["unshare", "--uts", "--pid", "--fork", "--mount-proc"];
const canUnshare = () =>
  process.platform === "linux" && Bun.spawnSync([...unshare, "true"], { stderr: "ignore" }).exitCode === 0;

/** Starts an agent in its own PID namespace under another host name. Everything in the namespace ends with it. */
function contained(home: string, host: string): Running {
  const under = [...unshare, "--kill-child", "sh", "-c", `hostname ${host}; exec "$@"`, "sh"];
  const agent = new Running(home, ["agent", "run", "--workspace", "local", "--slots", "2"], {}, under);
  agents.push(agent);
  return agent;
}

test.if(canUnshare())(
  "when two containers share a directory, the second is refused with the holder's name, and gets it as soon as the first is killed",
  async () => {
    // Not the person's own directory: the process ids in it mean other processes outside the namespace.
    await using volume = await makeScratch();
    for (const name of ["config.json", "credentials"])
      cpSync(person.home.join(name), volume.join(name), { recursive: true });
    const first = contained(volume.path, "hosta");
    await first.said(/Registered as/, 30_000);
    const long = await runningJob();
    const second = contained(volume.path, "hostb");
    expect(await second.ended()).toBe(1);
    expect(second.stderr).toMatch(/Another agent \(process \d+ on hosta\) is already running here/);
    await endsWell(long);
    expect(existsSync(volume.join("agent", "local", "lock"))).toBe(true);
    await first.stop("SIGKILL");
    const third = contained(volume.path, "hostc");
    await third.said(/Registered as/, 30_000);
    expect(nodeOf(third)).toBe(nodeOf(first));
    await third.stop("SIGKILL");
  },
);
