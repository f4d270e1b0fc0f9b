/**
 * Measures several servers over a MongoDB replica set of three and Redis, with the built binary: how long a log line takes from an
 * agent at one server to a follower at another, and how much faster three servers drain a queue than one. On a machine with few
 * cores, where the servers and the members of the set share them, it also says what a model expects of three machines.
 *
 *     bun run bench:servers                3 rounds of 600 jobs
 *     bun run bench:servers --rounds 1     sooner
 */
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { TestMongo } from "../tests/support/mongod.ts";
import { TestRedis } from "../tests/support/redis.ts";
import { isMet, type Measured, median, percentile, printTable } from "./figures.ts";
import { logDelays } from "./log-delay.ts";
import { atLeast, atMost } from "./row.ts";
import { type ServersDrained, ServersStage, updatesPerSecond } from "./servers-drain.ts";
import { useBinary } from "./stage.ts";

const MEMBERS = 3;
const SERVERS = 3;
const JOBS = 600;
/** Three servers, three members and three agents need as many cores as this to be measured and not modelled. */
const ENOUGH_CORES = 12;
const CORES_OF_A_MACHINE = 4;
const GAIN = 1.5;

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" } } });
useBinary();
await using opened = new AsyncDisposableStack();
const mongo = opened.use(await TestMongo.start(MEMBERS));
const redis = opened.use(await TestRedis.start());
const delays = await logDelays(mongo, redis.url);
const updates = await updatesPerSecond(mongo);
const one = opened.use(await ServersStage.open(mongo, redis.url, 1));
const three = opened.use(await ServersStage.open(mongo, redis.url, SERVERS));
const byOne: ServersDrained[] = [];
const byThree: ServersDrained[] = [];
while (byOne.length < Number(values.rounds)) {
  byOne.push(await one.drain(JOBS));
  byThree.push(await three.drain(JOBS));
}

const hasCores = cpus().length >= ENOUGH_CORES;
const gains = byThree.map((drained, i) => drained.jobsPerSecond / (byOne[i]?.jobsPerSecond ?? Number.NaN));
const expected = modelOf(byOne, byThree);
const table: Measured[] = [
  row("log line, agent to follower over two servers, p50", "ms", [percentile(delays, 50)]),
  {
    ...row("log line, agent to follower over two servers, p99", "ms", [percentile(delays, 99)]),
    aim: atMost(50),
  },
  row("drain by one server", "/s", of(byOne, "jobsPerSecond")),
  row("drain by three servers", "/s", of(byThree, "jobsPerSecond")),
  { ...row("three / one", "", gains), aim: hasCores ? atLeast(GAIN) : undefined },
  row("commands for each job, one server", "", of(byOne, "commands")),
  row("commands for each job, three servers", "", of(byThree, "commands")),
  row("CPU of one server for each job", "µs", of(byOne, "serverUs")),
  row("CPU of the primary for each job, three servers", "µs", of(byThree, "primaryUs")),
  row(`single updates of the set, many in flight`, "/s", [updates]),
  row("model: one server on a machine of its own", "/s", [expected.one]),
  row("model: three servers on three machines", "/s", [expected.three]),
  {
    ...row("model: three / one", "", [expected.three / expected.one]),
    aim: hasCores ? undefined : atLeast(GAIN),
  },
];
printTable(table);
console.log(`\nThe next wall by the model: ${expected.wall}.`);
process.exitCode = table.every(isMet) ? 0 : 1;

function row(what: string, unit: string, rounds: number[]): Measured {
  return { row: "servers", what, unit, rounds };
}

function of(drained: readonly ServersDrained[], name: keyof ServersDrained): number[] {
  return drained.map((one) => one[name]);
}

/**
 * A server decides in one thread, so it does at most a second's worth of its CPU time for each job. The primary has the cores of a
 * machine. The set acknowledges only so many commands a second.
 */
function modelOf(single: readonly ServersDrained[], several: readonly ServersDrained[]) {
  const limits = (drained: readonly ServersDrained[], servers: number) => ({
    "the thread of each server": (servers * 1e6) / median(of(drained, "serverUs")),
    "the CPU of the primary": (CORES_OF_A_MACHINE * 1e6) / median(of(drained, "primaryUs")),
    "the commands that the set acknowledges": updates / median(of(drained, "commands")),
  });
  const ofThree = Object.entries(limits(several, SERVERS)).sort(([, a], [, b]) => a - b);
  const one = Math.min(...Object.values(limits(single, 1)));
  const [[wall, three] = ["", Number.NaN]] = ofThree;
  return { one, three, wall };
}
