import { ComputeClient } from "../../sdk/client.ts";
import { Dice } from "../support/seeded.ts";
import { SharedStore } from "../support/shared-store.ts";
import { AnyServer } from "./any-server.ts";
import { type Chaos, Fleet } from "./fleet.ts";
import { commandOf } from "./simulated-job.ts";
import { SimulatedNode } from "./simulated-node.ts";
import { untilDone } from "./until-done.ts";
import { judge, type Verdict } from "./verdict.ts";
import { whileWorking } from "./while-working.ts";
import { Witness } from "./witness.ts";

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
const MEMBERS = 3;
const SLOTS = 64;
/** Every job writes one line and succeeds immediately. */
const JOB = { startMs: 0, runMs: 0, lines: 1, failures: 0 };
/** Pause between two submits of one submitter once there are enough jobs. */
const SLOW_SUBMIT_MS = 500;

/**
 * A fleet under kills: simulated agents work while jobs are submitted, and servers, store and bus are killed from time
 * to time. Returns the rules that do not hold for every job.
 */
export async function soak(plan: SoakPlan, say: (line: string) => void): Promise<SoakReport> {
  await using store = plan.servers > 1 ? await SharedStore.start(MEMBERS) : undefined;
  await using fleet = await Fleet.start(plan.servers, store && { store, database: store.newDatabase() });
  const token = (await fleet.first.api.signIn("local")).accessToken;
  const credentials = { headers: () => ({ authorization: `Bearer ${token}` }) };
  const witness = new Witness();
  const nodes = await registerNodes(fleet, token, plan.agents, witness);
  const startedAtMs = performance.now();
  const seconds = () => Math.round((performance.now() - startedAtMs) / 100) / 10;
  const over = new AbortController();
  const anyServer = (first: number) => AnyServer.at(fleet.urls, credentials, first);
  const others = [...nodes.map((node) => node.run(over.signal)), fleet.breakNowAndThen(plan, over.signal)];
  const work = async () => {
    const isEnough = () =>
      fleet.kills >= plan.atLeast.kills &&
      fleet.stepDowns >= plan.atLeast.stepDowns &&
      fleet.busRestarts >= plan.atLeast.busRestarts;
    await submitAll(plan.jobs, isEnough, anyServer, witness, over.signal);
    say(`${witness.jobs.size} jobs submitted after ${seconds()} s, ${fleet.kills} kills`);
    const left = await untilDone(plan.doneTimeoutMs, anyServer(0), over.signal);
    say(
      `${left ? `${left.jobId} is still ${left.status}` : "all done"} after ${seconds()} s, ${fleet.kills} kills`,
    );
  };
  await whileWorking(others, over, work);
  const verdict = await judge(new ComputeClient({ url: fleet.first.url, credentials }), witness);
  const { kills, stepDowns, busRestarts } = fleet;
  return { ...verdict, kills, stepDowns, busRestarts, seconds: seconds() };
}

function registerNodes(
  fleet: Fleet,
  token: string,
  count: number,
  witness: Witness,
): Promise<SimulatedNode[]> {
  const plan = { calls: "http", slots: SLOTS, sendsTwice: false, pool: "default" } as const;
  return Promise.all(
    Array.from({ length: count }, (_, i) => {
      const own = { name: `simulated-${i}`, urls: fleet.urls, first: i, dice: new Dice(i) };
      return SimulatedNode.register(fleet.first.api, token, { ...plan, ...own, witness });
    }),
  );
}

async function submitAll(
  count: number,
  isEnough: () => boolean,
  anyServer: (first: number) => AnyServer,
  witness: Witness,
  signal: AbortSignal,
): Promise<void> {
  let left = count;
  const submitSome = async (_: unknown, i: number) => {
    const server = anyServer(i);
    while (left-- > 0 || !isEnough()) {
      if (left < 0) await Bun.sleep(SLOW_SUBMIT_MS);
      const input = () => ({ command: commandOf(JOB) });
      const { jobId } = await server.call("jobs.submit", input, signal, crypto.randomUUID());
      witness.jobs.set(jobId, { job: JOB, maxRetries: 0 });
    }
  };
  await Promise.all(Array.from({ length: SUBMITS_IN_FLIGHT }, submitSome));
}
