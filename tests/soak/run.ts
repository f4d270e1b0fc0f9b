/**
 * A fleet under kills: one or more servers and simulated agents. A server is ended by kill -9 every few seconds while
 * jobs are submitted and run. With several servers, the primary of the store also steps down and the bus is restarted
 * from time to time. In the end every job must have exactly one applied result.
 *
 *     bun run soak                                     one server on the embedded store
 *     bun run soak --servers 3 --jobs 20000            three servers on MongoDB and Redis
 *     bun run soak --seeds 50 --first 1                50 short runs; each seed decides what is submitted and what fails
 *     bun run soak --seed 7                            one of them again
 *
 * Standard output is a report in JSON. The exit code is 1 if a rule was broken.
 */
import { parseArgs } from "node:util";
import { buildProgram } from "../support/build-program.ts";
import { makeScratch } from "../support/scratch.ts";
import { runSeeds } from "./seeds.ts";
import { soak } from "./soak.ts";

const FAULTS_SHOWN = 20;

const { values } = parseArgs({
  options: {
    servers: { type: "string", default: "1" },
    jobs: { type: "string", default: "20000" },
    agents: { type: "string", default: "20" },
    "kill-every": { type: "string", default: "2" },
    seeds: { type: "string" },
    first: { type: "string", default: "1" },
    seed: { type: "string" },
  },
});
const say = (line: string) => console.error(line);

// Servers start again often; the binary does that in a fifth of the time that the sources take.
await using scratch = await makeScratch();
process.env.TANVRIT_TEST_BINARY ??= await buildProgram(scratch.join("tanvrit-compute"));

const isSeeded = values.seeds !== undefined || values.seed !== undefined;
process.exitCode = (await (isSeeded ? seeded() : shaken())) ? 0 : 1;

async function seeded(): Promise<boolean> {
  const [first, count] =
    values.seed === undefined ? [Number(values.first), Number(values.seeds)] : [Number(values.seed), 1];
  const report = await runSeeds({ first, count }, say);
  console.log(JSON.stringify(report, null, 2));
  return report.failed.length === 0;
}

async function shaken(): Promise<boolean> {
  const report = await soak(
    {
      servers: Number(values.servers),
      jobs: Number(values.jobs),
      agents: Number(values.agents),
      killEveryMs: Number(values["kill-every"]) * 1_000,
      stepDownEvery: 5,
      restartBusEvery: 4,
      atLeast: { kills: 0, stepDowns: 0, busRestarts: 0 },
      doneTimeoutMs: 300_000,
    },
    say,
  );
  console.log(JSON.stringify({ ...report, faults: report.faults.slice(0, FAULTS_SHOWN) }, null, 2));
  return report.faults.length === 0;
}
