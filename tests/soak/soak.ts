import { ComputeClient } from "../../sdk/client.ts";
import { AnyServer } from "./any-server.ts";
import { type Chaos, Fleet } from "./fleet.ts";
import { SimulatedAgent, simulatedNode } from "./simulated-agent.ts";
import { judge, type Verdict } from "./verdict.ts";

export interface SoakPlan extends Chaos {
  servers: number;
  jobs: number;
  agents: number;
  /** The minimum number of failures. Jobs are submitted until they have happened, slowly once there are enough jobs. */
  atLeast: Pick<Fleet, "kills" | "stepDowns" | "busRestarts">;
  /** From the last submit to the end of the last job. */
  doneTimeoutMs: number;
}

export interface SoakReport extends Verdict {
  kills: number;
  stepDowns: number;
  busRestarts: number;
  seconds: number;
}

const SUBMITS_IN_FLIGHT = 64;
const LOOK_EVERY_MS = 500;
const EMPTY_LOOKS = 4;
/** Pause between two submits of one submitter once there are enough jobs. */
const SLOW_SUBMIT_MS = 500;

/**
 * A fleet under kills: simulated agents work while jobs are submitted, and servers, store and bus are killed from time
 * to time. Returns the rules that do not hold for every job.
 */
export async function soak(plan: SoakPlan, say: (line: string) => void): Promise<SoakReport> {
  await using fleet = await Fleet.start(plan.servers);
  const token = (await fleet.first.api.signIn("local")).accessToken;
  const credentials = { headers: () => ({ authorization: `Bearer ${token}` }) };
  const agents = await registerAgents(fleet, token, plan.agents);
  const startedAtMs = performance.now();
  const seconds = () => Math.round((performance.now() - startedAtMs) / 100) / 10;
  const over = new AbortController();
  const anyServer = (first: number) => new AnyServer(fleet.urls, credentials, first);
  const working = agents.map((agent) => agent.run(over.signal));
  const breaking = fleet.breakNowAndThen(plan, over.signal);
  // None of them ends before it is aborted, but each may fail.
  const failing = Promise.all([...working, breaking]).then((): never => {
    throw new Error("the agents and the chaos ended by themselves");
  });
  const work = async () => {
    const isEnough = () =>
      fleet.kills >= plan.atLeast.kills &&
      fleet.stepDowns >= plan.atLeast.stepDowns &&
      fleet.busRestarts >= plan.atLeast.busRestarts;
    const submitted = await submitAll(plan.jobs, isEnough, anyServer, over.signal);
    say(`${submitted.size} jobs submitted after ${seconds()} s, ${fleet.kills} kills`);
    await untilDone(plan.doneTimeoutMs, anyServer(0), over.signal, say);
    say(`all done after ${seconds()} s, ${fleet.kills} kills`);
    return submitted;
  };
  const submitted = await Promise.race([work(), failing]).finally(() => over.abort());
  await Promise.all([...working, breaking]);
  const client = new ComputeClient({ url: fleet.first.url, credentials });
  const verdict = await judge(client, submitted, agents);
  const { kills, stepDowns, busRestarts } = fleet;
  return { ...verdict, kills, stepDowns, busRestarts, seconds: seconds() };
}

async function registerAgents(fleet: Fleet, token: string, count: number): Promise<SimulatedAgent[]> {
  const made: SimulatedAgent[] = [];
  for (let i = 0; i < count; i++) {
    const { nodeKey } = await fleet.first.api.call("nodes.register", simulatedNode(`simulated-${i}`), {
      token,
    });
    made.push(new SimulatedAgent(fleet.urls, nodeKey ?? "", i));
  }
  return made;
}

async function submitAll(
  count: number,
  isEnough: () => boolean,
  anyServer: (first: number) => AnyServer,
  signal: AbortSignal,
): Promise<Set<string>> {
  const ids = new Set<string>();
  let left = count;
  const submitSome = async (_: unknown, i: number) => {
    const server = anyServer(i);
    while (left-- > 0 || !isEnough()) {
      if (left < 0) await Bun.sleep(SLOW_SUBMIT_MS);
      const job = await server.call(
        "jobs.submit",
        () => ({ command: ["true"] }),
        signal,
        crypto.randomUUID(),
      );
      ids.add(job.jobId);
    }
  };
  await Promise.all(Array.from({ length: SUBMITS_IN_FLIGHT }, submitSome));
  return ids;
}

async function untilDone(
  timeoutMs: number,
  server: AnyServer,
  signal: AbortSignal,
  say: (line: string) => void,
): Promise<void> {
  const deadlineMs = performance.now() + timeoutMs;
  const unfinished = () => ({
    status: ["QUEUED" as const, "ASSIGNED" as const, "RUNNING" as const],
    limit: 1,
  });
  // A primary that was just elected may show for a moment what it knew before: once is not enough.
  let emptyLooks = 0;
  while (performance.now() < deadlineMs) {
    const { jobs } = await server.call("jobs.list", unfinished, signal);
    emptyLooks = jobs.length === 0 ? emptyLooks + 1 : 0;
    if (emptyLooks === EMPTY_LOOKS) return;
    await Bun.sleep(LOOK_EVERY_MS);
  }
  say(`jobs are still running after ${timeoutMs / 1_000} s`);
}
