/**
 * Measures what waiting nodes cost a server, with the built binary: memory, CPU, and how soon all are back after the server was
 * killed and started again.
 *
 *     bun run bench:nodes                      10,000 nodes on the embedded store
 *     bun run bench:nodes --nodes 1000         fewer
 *     bun run bench:nodes --store mongodb      on a MongoDB replica set of one member; mongodb3: of three
 */
import { parseArgs } from "node:util";
import { cpuMsOf, memoryMbOf } from "../tests/support/cpu-time.ts";
import { type Figure, isMet, type Measured, printTable } from "./figures.ts";
import { HelperProcess } from "./helper-process.ts";
import { atMost } from "./row.ts";
import { Stage, startMongo, storeKindOf } from "./stage.ts";

const PROCESSES = 4;
const WATCHED_MS = 30_000;
const READY_MS = 300_000;

const { values } = parseArgs({
  options: { store: { type: "string", default: "sqlite" }, nodes: { type: "string", default: "10000" } },
});
const kind = storeKindOf(values.store);
const count = Number(values.nodes);

await using opened = new AsyncDisposableStack();
const mongo = await startMongo(kind);
if (mongo) opened.use(mongo);
const stage = opened.use(await Stage.open(kind, mongo));
const share = Math.ceil(count / PROCESSES);
const players = Array.from({ length: PROCESSES }, (_, i) => {
  return opened.use(new HelperProcess(stage, "simulated-nodes.ts", [String(share), String(i * share)]));
});
await Promise.all(players.map((player) => player.line(READY_MS)));

const before = cpuMsOf(stage.server.pid).own;
await Bun.sleep(WATCHED_MS);
const cpuPercent = ((cpuMsOf(stage.server.pid).own - before) / WATCHED_MS) * 100;
const memoryMb = memoryMbOf([stage.server.pid]);
await stage.server.kill();
await stage.server.startAgain();
const back = await Promise.all(players.map((player) => player.line(READY_MS)));
const backSeconds = Math.max(...back.map((line) => Number(line.split(" ")[1]))) / 1_000;

const what = `${count} waiting nodes:`;
const table: Measured[] = [
  row({ what: `${what} memory of the server`, unit: "MiB", aim: atMost(500) }, memoryMb),
  row({ what: `${what} CPU of the server`, unit: "%", aim: atMost(50) }, cpuPercent),
  row({ what: `${what} all back after a restart`, unit: "s", aim: atMost(30) }, backSeconds),
];
printTable(table);
process.exitCode = table.every(isMet) ? 0 : 1;

function row(figure: Figure, value: number): Measured {
  return { row: "nodes", ...figure, rounds: [value] };
}
