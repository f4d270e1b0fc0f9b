/**
 * Measures jobs in containers that do nothing, two at a time, in turns with what the Engine API itself takes for such containers:
 * create, start, wait, read the output, remove. Needs a Docker engine and a static busybox, as the suite `docker` does.
 *
 *     bun run bench:docker                 five rounds
 *     bun run bench:docker --rounds 1      sooner
 */
import { parseArgs } from "node:util";
import { testEngine, testImage } from "../tests/support/docker.ts";
import { type Figure, isMet, type Measured, printTable } from "./figures.ts";
import { queueJobs, rateOf, succeeded, untilOver } from "./no-op-jobs.ts";
import { atLeast } from "./row.ts";
import { Stage } from "./stage.ts";

const CONTAINERS = 30;
const WARM_UP_CONTAINERS = 4;
const AT_ONCE = 2;
const LIMIT_MS = 60_000;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "5" } } });
const image = await testImage();
const engine = testEngine();

await using stage = await Stage.open("sqlite", undefined);
const { nodeId } = await stage.startAgent(AT_ONCE);
await jobRate(WARM_UP_CONTAINERS);
await bareRate(WARM_UP_CONTAINERS);
const rounds: { bare: number; jobs: number; ratio: number }[] = [];
while (rounds.length < Number(values.rounds)) {
  const before = await bareRate(CONTAINERS);
  const jobs = await jobRate(CONTAINERS);
  const bare = (before + (await bareRate(CONTAINERS))) / 2;
  rounds.push({ bare, jobs, ratio: jobs / bare });
}

const table: Measured[] = [
  row("bare", { what: `containers by the Engine API alone, ${AT_ONCE} at a time`, unit: "/s" }),
  row("jobs", { what: `jobs in containers, ${AT_ONCE} slots`, unit: "/s" }),
  row("ratio", { what: "jobs / bare", unit: "", aim: atLeast(0.9) }),
];
printTable(table);
process.exitCode = table.every(isMet) ? 0 : 1;

function row(name: keyof (typeof rounds)[number], figure: Figure): Measured {
  return { row: "docker", ...figure, rounds: rounds.map((round) => round[name]) };
}

async function jobRate(count: number): Promise<number> {
  const { compute } = stage;
  await compute.nodes.drain(nodeId);
  const queued = await queueJobs(compute, count, { type: "DOCKER", image });
  await compute.nodes.undrain(nodeId);
  await untilOver(compute, queued);
  return rateOf(await succeeded(compute, queued.name, count));
}

async function bareRate(count: number): Promise<number> {
  let left = count;
  const startedMs = performance.now();
  const runUntilDone = async () => {
    while (left-- > 0) await runOne();
  };
  await Promise.all(Array.from({ length: AT_ONCE }, runUntilDone));
  return count / ((performance.now() - startedMs) / 1_000);
}

async function runOne(): Promise<void> {
  const body = { Image: image, Cmd: ["true"] };
  const { Id } = await engine.json<{ Id: string }>("POST", "/containers/create", { body });
  const output = await engine.attach(Id, AbortSignal.timeout(LIMIT_MS));
  await engine.json("POST", `/containers/${Id}/start`);
  for await (const _ of output);
  const { StatusCode } = await engine.json<{ StatusCode: number }>("POST", `/containers/${Id}/wait`);
  if (StatusCode !== 0) throw new Error(`a container ended with ${StatusCode}`);
  await engine.json("DELETE", `/containers/${Id}`);
}
