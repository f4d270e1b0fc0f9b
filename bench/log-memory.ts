/**
 * Measures how much more memory an agent and its supervisor use while a job writes a gigabyte, with the built binary.
 *
 *     bun run bench:logs                 1,000 MB
 *     bun run bench:logs --mb 100        less
 */
import { parseArgs } from "node:util";
import { memoryMbOf } from "../tests/support/cpu-time.ts";
import { supervisorsBelow } from "../tests/support/supervisors.ts";
import { isMet, type Measured, printTable } from "./figures.ts";
import { atMost } from "./row.ts";
import { Stage } from "./stage.ts";

const LINE = "x".repeat(199);
const SLOTS = 2;
const WARM_UP_MB = 20;
const SETTLE_MS = 3_000;
const LOOK_EVERY_MS = 50;
const LIMIT_SECONDS = 600;
/** The agent adds lines of its own, for example when a job has to wait for room. */
const MAX_OWN_LINES = 10;

const { values } = parseArgs({ options: { mb: { type: "string", default: "1000" } } });
const megabytes = Number(values.mb);

await using stage = await Stage.open("sqlite", undefined);
const { pid } = await stage.startAgent(SLOTS);
await write(WARM_UP_MB);
await Bun.sleep(SETTLE_MS);
const before = memoryNow();
let most = before;
const looking = setInterval(() => {
  const now = memoryNow();
  most = { agent: Math.max(most.agent, now.agent), supervisor: Math.max(most.supervisor, now.supervisor) };
}, LOOK_EVERY_MS);
const startedMs = performance.now();
await write(megabytes);
const seconds = (performance.now() - startedMs) / 1_000;
clearInterval(looking);

const rise = most.agent - before.agent + most.supervisor - before.supervisor;
const what = `a job that writes ${megabytes} MB:`;
const table: Measured[] = [
  { row: "logs", what: `${what} rise of the memory`, unit: "MiB", aim: atMost(64), rounds: [rise] },
  { row: "logs", what: "  of the agent alone", unit: "MiB", rounds: [most.agent - before.agent] },
  { row: "logs", what: `${what} rate`, unit: "MB/s", rounds: [megabytes / seconds] },
];
printTable(table);
process.exitCode = table.every(isMet) ? 0 : 1;

/** Runs a job that writes this much; every line must reach the server. */
async function write(amountMb: number): Promise<void> {
  const lines = (amountMb * 1_000_000) / (LINE.length + 1);
  const job = await stage.compute.jobs.submitAndWait({
    command: `yes ${LINE} | head -n ${lines}`,
    maxLogMb: 2 * amountMb,
    timeoutSeconds: LIMIT_SECONDS,
  });
  if (job.status !== "SUCCESS") throw new Error(`the job is ${job.status}: ${job.message}`);
  const [last] = await Array.fromAsync(stage.compute.jobs.logs(job.jobId, { tail: 1 }));
  const own = (last?.event === "log" ? last.data.seq : 0) - lines;
  if (own < 0 || own > MAX_OWN_LINES) throw new Error(`the server has ${lines + own} of ${lines} lines`);
}

function memoryNow(): { agent: number; supervisor: number } {
  return { agent: memoryMbOf([pid]), supervisor: memoryMbOf(supervisorsBelow(stage.person.home.path)) };
}
