import { afterAll, expect, setDefaultTimeout, test } from "bun:test";
import { join } from "node:path";
import { LABEL } from "../../agent/executors/docker/container-config.ts";
import { StartFailedError } from "../../agent/executors/port/executor.ts";
import { newId } from "../../shared/ids.ts";
import { type Script, Stage } from "../contract/executor-stage.ts";
import { leaveBehind } from "../contract/leave-behind.ts";
import { testEngine, testImage } from "../support/docker.ts";
import { waitFor, within } from "../support/wait.ts";
import { ALONE, containerIds, containersOf, createExecutor, dockerUnderTest } from "./docker-under-test.ts";

setDefaultTimeout(400_000);

const KILL_LIMIT_MS = 120_000;
/** A container that appears after the first sweep is found by the sweep 5 s later. */
const SWEPT_MS = 30_000;
const MOMENTS_MS = [0, 20, 60, 120, 250];
/** Each moment comes twice. */
const ROUNDS = 2 * MOMENTS_MS.length;

const short: Script = { sh: "echo ready; touch made; exit 3", play: {} };
const deaf: Script = { sh: "trap '' TERM; touch made; echo ready; sleep 600 & sleep 600", play: {} };
const flooding: Script = { sh: "trap '' TERM; echo ready; yes", play: {} };

const strangers: string[] = [];
afterAll(async () => {
  for (const id of strangers)
    await testEngine().json("DELETE", `/containers/${id}`, { query: { force: true } });
});

/** The ways in which a job of a round is ended; the round decides the moment. */
const ends: ((stage: Stage, round: number) => Promise<void>)[] = [
  async (stage) => {
    const { exit } = await stage.run(short);
    expect(exit).toEqual({ exitCode: 3 });
  },
  async (stage) => {
    const started = await stage.start(deaf);
    started.running.stop(0);
    expect(await started.ended()).toEqual({ signal: "SIGKILL" });
  },
  async (stage, round) => {
    const started = await stage.start(deaf);
    await started.said("ready");
    started.running.stop(momentOf(round));
    expect(await started.ended()).toEqual({ signal: "SIGKILL" });
  },
  async (stage) => {
    const started = await stage.start(flooding);
    await started.said("ready");
    started.running.stop(0);
    expect(await started.ended()).toEqual({ signal: "SIGKILL" });
  },
  givenUpWhileStarting,
  async (stage) => {
    const started = await stage.start(deaf);
    await started.said("ready");
    await killedByAStranger(started.executionId, "kill");
    expect(await started.ended()).toEqual({ exitCode: 137 });
  },
  async (stage) => {
    const started = await stage.start(deaf);
    await started.said("ready");
    await killedByAStranger(started.executionId, "remove");
    const exit = await started.ended();
    expect(exit.exitCode).not.toBe(0);
    expect(exit.exitCode !== undefined || exit.signal !== undefined || exit.lost !== undefined).toBe(true);
  },
];

test("a hundred jobs that are killed in every way, some with their agent, leave no container of the agent", async () => {
  const agentId = crypto.randomUUID();
  strangers.push(await runStranger({}));
  strangers.push(await runStranger({ [LABEL.agent]: "another", [LABEL.execution]: newId("exe") }));
  await using stage = await Stage.open(() => dockerUnderTest(agentId));
  for (let round = 0; round < ROUNDS; round++) {
    await Promise.all(ends.map((end) => end(stage, round)));
  }
  expect(await containersOf("agent", agentId)).toEqual([]);
  for (let round = 0; round < ROUNDS; round++) await killTheAgent(agentId, round);
  expect(await containersOf("agent", agentId)).toEqual([]);
  for (const id of strangers) expect(await isRunning(id)).toBe(true);
});

/** The agent's process dies while its jobs start or run; the next process cleans up. */
async function killTheAgent(agentId: string, round: number): Promise<void> {
  const executionIds = [newId("exe"), newId("exe"), newId("exe")];
  await leaveBehind({
    factory: join(import.meta.dirname, "docker-under-test.ts"),
    argument: agentId,
    manifest: { type: "DOCKER", image: await testImage(), command: deaf.sh, docker: ALONE },
    executionIds,
    // From before the first request to the engine until all of them run.
    ...(round % 5 < 4 && { killAfterMs: momentOf(round) * 2 }),
  });
  const successor = createExecutor(agentId);
  await successor.recover(executionIds);
  // A container that was being created appears only after that, and the next sweep removes it.
  const left = () => containersOf("agent", agentId);
  await waitFor("nothing to be left", async () => (await left()).length === 0, { timeoutMs: SWEPT_MS });
  await successor.close();
}

async function givenUpWhileStarting(stage: Stage, round: number): Promise<void> {
  const executionId = newId("exe");
  const giveUp = new AbortController();
  const start = stage.start(deaf, { executionId, signal: giveUp.signal }).catch((error) => error);
  await Bun.sleep(momentOf(round)); // Does not wait for anything: the job may be at any point of its start.
  giveUp.abort();
  const outcome = await within(KILL_LIMIT_MS, "giving up a start", start);
  if (outcome instanceof Error) expect(outcome).toBeInstanceOf(StartFailedError);
  else {
    outcome.running.stop(0);
    await outcome.ended();
  }
  expect(await stage.remains(executionId)).toEqual([]);
}

/** A person who uses another program on the machine. */
async function killedByAStranger(executionId: string, how: "kill" | "remove"): Promise<void> {
  const [id] = await containerIds("execution", executionId);
  if (how === "kill") await testEngine().json("POST", `/containers/${id}/kill`);
  else await testEngine().json("DELETE", `/containers/${id}`, { query: { force: true } });
}

/** A container that is not this agent's. */
async function runStranger(labels: Record<string, string>): Promise<string> {
  const body = {
    Image: await testImage(),
    Cmd: ["sleep", "600"],
    Labels: labels,
    HostConfig: { NetworkMode: "none" },
  };
  const { Id } = await testEngine().json<{ Id: string }>("POST", "/containers/create", { body });
  await testEngine().json("POST", `/containers/${Id}/start`);
  return Id;
}

async function isRunning(id: string): Promise<boolean | undefined> {
  const { State } = await testEngine().json<{ State: { Running?: boolean } }>(
    "GET",
    `/containers/${id}/json`,
  );
  return State.Running;
}

function momentOf(round: number): number {
  return MOMENTS_MS[round % MOMENTS_MS.length] ?? 0;
}
