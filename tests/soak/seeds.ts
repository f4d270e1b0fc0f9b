import { ComputeClient } from "../../sdk/client.ts";
import { counted } from "../../shared/counted.ts";
import { pause, withLimit } from "../../shared/wait.ts";
import { runProgram } from "../support/program.ts";
import { Dice } from "../support/seeded.ts";
import { emptyDatabase, SharedStore } from "../support/shared-store.ts";
import { type Agenda, agendaOf, inWords, type PlannedFault } from "./agenda.ts";
import { AnyServer } from "./any-server.ts";
import { Fleet } from "./fleet.ts";
import { SimulatedNode } from "./simulated-node.ts";
import { submit } from "./submit.ts";
import { untilDone } from "./until-done.ts";
import { judge, type Verdict } from "./verdict.ts";
import { whileWorking } from "./while-working.ts";
import { Witness } from "./witness.ts";

const MEMBERS = 3;
const FAULTS_SHOWN = 10;
/** From the last submit to the end of the last job. */
const DONE_MS = 60_000;
/** For one seed. */
const SEED_MS = 180_000;

const HOSTED_POOL = "cloud";
const config = {
  pools: { [HOSTED_POOL]: { hosted: true, sku: "standard" } },
  prices: { standard: { vcpuSecondMicroUsd: 11.111, gibSecondMicroUsd: 1.5, gpuSecondMicroUsd: 0 } },
};

export interface SeedReport extends Verdict {
  seed: number;
  servers: number;
  /** How many failures were injected, by kind. */
  injected: Record<string, number>;
  seconds: number;
}

export interface SeedsReport {
  seeds: number;
  failed: number[];
  jobs: number;
  executions: number;
  lost: number;
  late: number;
  injected: Record<string, number>;
  seconds: number;
  /** Of the seeds that failed. */
  faults: Record<string, string[]>;
}

/**
 * Runs a fleet for each seed: the seed decides what is submitted and what fails when.
 */
export async function runSeeds(
  { first, count }: { first: number; count: number },
  say: (line: string) => void,
): Promise<SeedsReport> {
  await using stores = new Stores();
  const startedAtMs = performance.now();
  const reports: SeedReport[] = [];
  for (let seed = first; seed < first + count; seed++) {
    const agenda = agendaOf(seed);
    const report = await runSeed(agenda, stores);
    reports.push(report);
    say(lineOf(report));
    if (report.faults.length > 0) explain(agenda, report, say);
  }
  return summaryOf(reports, Math.round((performance.now() - startedAtMs) / 100) / 10);
}

/** One replica set and one Redis for all seeds, each with a database of its own. Empty ones are used again: to make one takes seconds. */
class Stores implements AsyncDisposable {
  private store: SharedStore | undefined;
  private readonly empty: string[] = [];

  async take(): Promise<SharedDatabase> {
    this.store ??= await SharedStore.start(MEMBERS);
    const { store, empty } = this;
    const database = empty.pop() ?? store.newDatabase();
    return {
      store,
      database,
      [Symbol.asyncDispose]: async () => {
        if (await emptyDatabase(database)) empty.push(database);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store?.[Symbol.asyncDispose]();
  }
}

interface SharedDatabase extends AsyncDisposable {
  store: SharedStore;
  /** Its URL. */
  database: string;
}

/** A fleet that was not able to run counts as a broken rule. */
async function runSeed(agenda: Agenda, stores: Stores): Promise<SeedReport> {
  const { seed, servers, faults } = agenda;
  const startedAtMs = performance.now();
  const late = () => new Error(`the seed took longer than ${SEED_MS / 1_000} s`);
  const verdict = await withLimit(SEED_MS, verdictOf(agenda, stores), late).catch((error) => ({
    ...{ jobs: 0, succeeded: 0, executions: 0, released: 0, lost: 0, late: 0 },
    faults: [error instanceof Error ? (error.stack ?? error.message) : String(error)],
  }));
  const seconds = Math.round((performance.now() - startedAtMs) / 100) / 10;
  return { seed, servers, injected: tally(faults.map(({ kind }) => kind)), seconds, ...verdict };
}

async function verdictOf(agenda: Agenda, stores: Stores): Promise<Verdict> {
  await using parts = new AsyncDisposableStack();
  const shared = agenda.servers > 1 ? parts.use(await stores.take()) : undefined;
  const fleet = parts.use(await Fleet.start(agenda.servers, shared, config));
  const token = (await fleet.first.api.signIn("local")).accessToken;
  const credentials = { headers: () => ({ authorization: `Bearer ${token}` }) };
  const witness = new Witness();
  const pool = agenda.isHosted ? HOSTED_POOL : "default";
  const nodes = await Promise.all(
    agenda.nodes.map((plan, i) => {
      const dice = new Dice(agenda.seed * 100 + i);
      const own = { name: `simulated-${i}`, urls: fleet.urls, first: i, pool, witness, dice };
      return SimulatedNode.register(fleet.first.api, token, { ...plan, ...own });
    }),
  );
  const over = new AbortController();
  const working = nodes.map((node) => node.run(over.signal));
  const by = { pool, witness, server: (index: number) => AnyServer.at(fleet.urls, credentials, index) };
  const work = async () => {
    await Promise.all([
      ...agenda.submits.map(async (planned) => {
        await pause(planned.atMs, over.signal);
        const latest = [...witness.jobs].findLast(([, { array }]) => !array)?.[0];
        await submit(planned, by, latest, over.signal);
      }),
      ...agenda.faults.map(async (fault) => {
        await pause(fault.atMs, over.signal);
        await happen(fault, fleet, nodes);
      }),
    ]);
    const left = await untilDone(DONE_MS, by.server(0), over.signal);
    if (left)
      witness.faults.push(`${left.jobId} is still ${left.status} ${DONE_MS / 1_000} s after the last submit`);
  };
  await whileWorking(working, over, work);
  const verdict = await judge(new ComputeClient({ url: fleet.first.url, credentials }), witness);
  return { ...verdict, faults: [...verdict.faults, ...(await storeFaults(fleet, shared))] };
}

function happen(
  fault: PlannedFault,
  fleet: Fleet,
  nodes: readonly SimulatedNode[],
): Promise<void> | undefined {
  if (fault.kind !== "replaceAgent") return fleet.suffer(fault);
  nodes[fault.node]?.replace(fault);
  return undefined;
}

/** Stops the servers, and lets `server check` read the whole store. */
async function storeFaults(fleet: Fleet, shared: SharedDatabase | undefined): Promise<string[]> {
  const codes = await Promise.all(fleet.servers.map((server) => server.stop()));
  const { scratch } = fleet.first;
  const args = ["server", "check", "--json", "--data-dir", scratch.join("data")];
  const env = shared?.store.serverEnv(shared.database) ?? {};
  const { exitCode, stdout, stderr } = await runProgram(scratch.path, args, { env });
  const unclean = codes.filter((code) => code !== 0).map((code) => `a server stopped with exit code ${code}`);
  return exitCode === 0 ? unclean : [...unclean, `server check: ${stdout} ${stderr}`];
}

function lineOf(report: SeedReport): string {
  const { seed, servers, jobs, succeeded, executions, lost, late, injected, seconds, faults } = report;
  const failures = Object.values(injected).reduce((sum, count) => sum + count, 0);
  const verdict = faults.length === 0 ? "ok" : `${faults.length} RULES BROKEN`;
  const work = `${jobs} jobs, ${succeeded} succeeded, ${executions} executions, ${lost} lost with their agent, ${late} reported late`;
  return `seed ${seed}: ${verdict}; ${counted(servers, "server")}, ${work}, ${counted(failures, "failure")} injected, ${seconds} s`;
}

function explain(agenda: Agenda, { faults }: SeedReport, say: (line: string) => void): void {
  for (const line of inWords(agenda)) say(`    ${line}`);
  for (const fault of faults.slice(0, FAULTS_SHOWN)) say(`  BROKEN ${fault}`);
  if (faults.length > FAULTS_SHOWN) say(`  and ${faults.length - FAULTS_SHOWN} more`);
  say(`  again: bun run soak --seed ${agenda.seed}`);
}

function summaryOf(reports: readonly SeedReport[], seconds: number): SeedsReport {
  const failed = reports.filter(({ faults }) => faults.length > 0);
  const sum = (of: (report: SeedReport) => number) => reports.reduce((total, one) => total + of(one), 0);
  const kinds = reports.flatMap(({ injected }) =>
    Object.entries(injected).flatMap(([kind, count]) => Array.from({ length: count }, () => kind)),
  );
  return {
    seeds: reports.length,
    failed: failed.map(({ seed }) => seed),
    jobs: sum(({ jobs }) => jobs),
    executions: sum(({ executions }) => executions),
    lost: sum(({ lost }) => lost),
    late: sum(({ late }) => late),
    injected: tally(kinds),
    seconds,
    faults: Object.fromEntries(failed.map(({ seed, faults }) => [seed, faults.slice(0, FAULTS_SHOWN)])),
  };
}

function tally(kinds: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const kind of kinds) counts[kind] = (counts[kind] ?? 0) + 1;
  return counts;
}
