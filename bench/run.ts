/**
 * Measures the built binary on this machine, with server and agent as separate processes:
 *
 *     bun run bench            a table
 *     bun run bench --json     the same as JSON
 */
import { join } from "node:path";
import { type Compute, createComputeClient } from "../sdk/index.ts";
import { Person } from "../tests/support/person.ts";
import { TestServer } from "../tests/support/server.ts";
import { endToEndRate, startLatencies } from "./jobs.ts";
import { startUpTimes } from "./start-up.ts";

const NO_OP_JOBS = 3_000;
const LATENCY_JOBS = 100;
const ROUNDS = 3;
const SLOTS = 32;
const root = join(import.meta.dirname, "..");
const binary = process.env.TANVRIT_TEST_BINARY ?? join(root, "dist", "tanvrit-compute");

interface Result {
  what: string;
  value: number;
  unit: string;
  aim?: string;
}

process.env.TANVRIT_TEST_BINARY = binary;
const results = await measure();
if (process.argv.includes("--json")) console.log(JSON.stringify(results, null, 2));
else printTable(results);

async function measure(): Promise<Result[]> {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  await person.startAgent(["--slots", String(SLOTS)]);
  const token = await person.get(["auth", "print-token"]);
  const compute = createComputeClient({ url: server.url, token });
  // Warms up both sides, as in a system that has been running for a while.
  await endToEndRate(compute, 200);
  const latenciesMs = await startLatencies(compute, LATENCY_JOBS);
  const rounds = await throughput(compute);
  const { versionMs, helloMs } = await startUpTimes(binary, person.home.path);
  return [
    { what: "bare spawn and reap", value: medianOf(rounds, "spawnsPerSecond"), unit: "/s" },
    { what: "no-op jobs end to end", value: medianOf(rounds, "jobsPerSecond"), unit: "/s" },
    { what: "ratio of the two", value: medianOf(rounds, "ratio"), unit: "", aim: ">= 0.35" },
    { what: "submit to start, p50", value: percentile(latenciesMs, 50), unit: "ms", aim: "<= 15" },
    { what: "submit to start, p99", value: percentile(latenciesMs, 99), unit: "ms" },
    { what: "--version", value: versionMs, unit: "ms" },
    { what: "a compiled hello world", value: helloMs, unit: "ms" },
    { what: "ratio of the two", value: versionMs / helloMs, unit: "", aim: "<= 2" },
  ];
}

interface Round {
  spawnsPerSecond: number;
  jobsPerSecond: number;
  ratio: number;
}

/** Alternates the jobs and their bound, so that other load on the machine affects both. */
async function throughput(compute: Compute): Promise<Round[]> {
  const rounds: Round[] = [];
  for (let i = 0; i < ROUNDS; i++) {
    const spawnsPerSecond = await spawnRate();
    const jobsPerSecond = await endToEndRate(compute, NO_OP_JOBS);
    rounds.push({ spawnsPerSecond, jobsPerSecond, ratio: jobsPerSecond / spawnsPerSecond });
  }
  return rounds;
}

function medianOf(rounds: readonly Round[], what: keyof Round): number {
  return percentile(
    rounds.map((round) => round[what]).sort((a, b) => a - b),
    50,
  );
}

async function spawnRate(): Promise<number> {
  const child = Bun.spawn([process.execPath, join(import.meta.dirname, "spawn-rate.ts")], {
    stdout: "pipe",
    timeout: 60_000,
  });
  const rate = Number(await new Response(child.stdout).text());
  if (!(rate > 0))
    throw new Error(`the bare spawn rate could not be measured: exit code ${await child.exited}`);
  return rate;
}

/** `ascending` must be sorted. */
function percentile(ascending: number[], percent: number): number {
  const index = Math.ceil((percent / 100) * ascending.length) - 1;
  return ascending[Math.max(0, index)] ?? Number.NaN;
}

function printTable(rows: Result[]): void {
  console.log(`\n${"what".padEnd(26)}${"measured".padStart(14)}   aim`);
  for (const { what, value, unit, aim = "" } of rows) {
    const digits = value >= 100 ? 0 : 2;
    console.log(`${what.padEnd(26)}${`${value.toFixed(digits)} ${unit.padEnd(2)}`.padStart(14)}   ${aim}`);
  }
}
