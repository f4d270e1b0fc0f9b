import { afterEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Node } from "../../shared/node.ts";
import { childrenOf, cpuMsSince, memoryMbOf, threadTimes } from "../support/cpu-time.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { supervisorsBelow } from "../support/supervisors.ts";
import { quickest, waitFor } from "../support/wait.ts";

const WATCHED_MS = 30_000;
/** The runtime cleans up its memory for a while after the last work. */
const SETTLE_MS = 8_000;
/** 0.1 % of a core. */
const MAX_CPU_MS = WATCHED_MS / 1_000;
const MAX_WAKE_MS = 1_000;

const person = forAllTests(await Person.withServer());
afterEach(() => person.stopAgents());

test("an agent that sleeps uses no more than 0.1 % of a core, counts as SUSPENDED, and starts a job within a second", async () => {
  const agent = await startAgent({ idleSuspendSeconds: 0 });
  const { pid } = agent.process;
  await agent.said(/Nothing to do for 0 s; asleep until a job comes\./);
  await untilAsleep();
  expect(childrenOf(pid)).toEqual([]);

  expect(await leastCpuMs(pid)).toBeLessThanOrEqual(MAX_CPU_MS);
  expect((await node())?.status).toBe("SUSPENDED");

  let wakes = 0;
  const wakeMs = await quickest(MAX_WAKE_MS, async () => {
    await untilAsleep();
    const { submittedMs, startedMs } = await startOfJob();
    console.info(`awake and started within ${startedMs - submittedMs} ms`);
    wakes++;
    const sleeps = () => agent.stderr.split("asleep until a job comes").length - 1;
    await waitFor("it to sleep again", () => sleeps() === 1 + wakes);
    return startedMs - submittedMs;
  });
  expect(wakeMs).toBeLessThan(MAX_WAKE_MS);
  expect(agent.stderr).toContain("Awake: a job came.");
  expect(await agent.stop()).toBe(0);
});

test("a node with too little free disk takes no jobs and says why, even while it sleeps, until there is room again", async () => {
  const agent = await startAgent({ idleSuspendSeconds: 0, minFreeDiskMb: 1_000_000_000 });
  await agent.said(/Taking no new jobs: only \d+ MiB are free below .*, and 1000000000 MiB must be/);
  await waitFor("the server to know", async () => (await node())?.refusing !== undefined);
  const { submittedMs, startedMs } = await startOfJob(async (id) => {
    await waitFor("the job to say why it waits", async () =>
      (await person.get(["job", "why", id])).includes("1000000000 MiB must be"),
    );
    await Bun.write(person.home.join("agent.yaml"), JSON.stringify({ minFreeDiskMb: 0 }));
  });
  expect(startedMs).toBeGreaterThan(submittedMs);
  await agent.said(/Taking new jobs again/);
  expect((await node())?.refusing).toBeUndefined();
});

test("an agent that sleeps finds its server again after the server was killed, and jobs still wake it", async () => {
  const agent = await startAgent({ idleSuspendSeconds: 0 });
  await agent.said(/asleep until a job comes/);
  await person.server.kill();
  await agent.said(/Trying again until it answers/);
  await person.server.startAgain();
  await agent.said(/The server is back/);
  await startOfJob();
  await agent.said(/Awake: a job came/);
  expect(agent.stderr.match(/Registered as/g)).toHaveLength(1);
});

async function untilAsleep(): Promise<void> {
  await waitFor("the process for jobs to end", () => supervisorsBelow(person.home.path).length === 0);
  await waitFor("the node to be SUSPENDED", async () => (await node())?.status === "SUSPENDED");
}

/** Measures once, and a second time if the first result is too high, because other programs may have spoiled it. */
async function leastCpuMs(pid: number): Promise<number> {
  await Bun.sleep(SETTLE_MS);
  let leastMs = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 2 && leastMs > MAX_CPU_MS; round++) {
    const before = threadTimes(pid);
    await Bun.sleep(WATCHED_MS);
    const usedMs = cpuMsSince(pid, before);
    console.info(`asleep: ${usedMs.toFixed(1)} ms in ${WATCHED_MS} ms, ${memoryMbOf([pid]).toFixed(0)} MiB`);
    leastMs = Math.min(leastMs, usedMs);
  }
  return leastMs;
}

async function startAgent(settings: object) {
  const file = person.home.join("agent.yaml");
  await Bun.write(file, JSON.stringify(settings));
  return person.startAgent(["--config", file]);
}

async function token(): Promise<string> {
  return await person.get(["auth", "print-token"]);
}

async function node(): Promise<Node | undefined> {
  const { nodes } = await person.server.api.call("nodes.list", {}, { token: await token() });
  return nodes[0];
}

/** Returns when a job was submitted, and when its command began to run. */
async function startOfJob(
  meanwhile?: (jobId: string) => Promise<void>,
): Promise<{ submittedMs: number; startedMs: number }> {
  const as = { token: await token() };
  const mark = person.home.join(`started-${Bun.randomUUIDv7()}`);
  const command = `date +%s%3N > ${mark}.part; mv ${mark}.part ${mark}`;
  const submittedMs = Date.now();
  const { jobId } = await person.server.api.call("jobs.submit", { command }, as);
  await meanwhile?.(jobId);
  const startedMs = await waitFor("the job to run", () => {
    try {
      return Number(readFileSync(mark, "utf8"));
    } catch {
      return undefined; // It has not begun yet.
    }
  });
  return { submittedMs, startedMs };
}
