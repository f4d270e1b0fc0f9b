/**
 * Measures the built binary on this machine, with server and agent as separate processes, in turns with what bounds them.
 *
 *     bun run bench                              everything on the embedded store
 *     bun run bench --store mongodb3             on a MongoDB replica set of three members; mongodb: of one
 *     bun run bench --only drain,start           these rows
 *     bun run bench --rounds 1                   sooner; by default each row is measured five times
 *     bun run bench --json                       what every round found, as JSON
 *
 * Exits with 1 if the median of a figure misses its aim.
 */
import { loadavg } from "node:os";
import { parseArgs } from "node:util";
import { isMet, type Measured, printTable } from "./figures.ts";
import type { Found, Row } from "./row.ts";
import { commandLineRow } from "./rows/command-line.ts";
import { drainRow } from "./rows/drain.ts";
import { logRateRow, stalledReadersRow } from "./rows/log-rate.ts";
import { mongoLimitsRow } from "./rows/mongo-limits.ts";
import { idleAgentRow, suspendedAgentRow } from "./rows/resting-agent.ts";
import { startLatencyRow } from "./rows/start-latency.ts";
import { submitsRow } from "./rows/submits.ts";
import { Stage, type StoreKind, startMongo, storeKindOf } from "./stage.ts";

const rows: readonly Row[] = [
  ...[mongoLimitsRow, drainRow, submitsRow, startLatencyRow, logRateRow, stalledReadersRow],
  ...[commandLineRow, idleAgentRow, suspendedAgentRow],
];

const { values } = parseArgs({
  options: {
    store: { type: "string", default: "sqlite" },
    rounds: { type: "string", default: "5" },
    only: { type: "string" },
    json: { type: "boolean", default: false },
  },
});
const kind = storeKindOf(values.store);
const [load = 0] = loadavg();
if (load > 1) console.error(`this machine is busy (load ${load.toFixed(1)}): ratios hold, rates are too low`);
const measured = await measure(kind, chosenRows(kind, values.only), Number(values.rounds));
if (values.json) console.log(JSON.stringify(measured, null, 2));
else printTable(measured);
process.exitCode = measured.every(isMet) ? 0 : 1;

function chosenRows(store: StoreKind, only: string | undefined): Row[] {
  const names = only?.split(",");
  const unknown = names?.filter((name) => !rows.some((row) => row.name === name)) ?? [];
  if (unknown.length > 0) {
    const known = rows.map((row) => row.name).join(", ");
    throw new TypeError(`there is no row ${unknown.join(", ")}; the rows are ${known}`);
  }
  return rows
    .filter((row) => row.only?.includes(store) ?? true)
    .filter((row) => names?.includes(row.name) ?? true);
}

async function measure(store: StoreKind, chosen: readonly Row[], rounds: number): Promise<Measured[]> {
  await using opened = new AsyncDisposableStack();
  const mongo = await startMongo(store);
  if (mongo) opened.use(mongo);
  const all: Measured[] = [];
  for (const row of chosen) {
    const startedMs = performance.now();
    await using stage = await Stage.open(store, mongo);
    const round = await row.open(stage);
    const found: Found[] = [];
    while (found.length < rounds) found.push(await round());
    all.push(...measuredOf(row, store, found));
    console.error(`${row.name}: ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  }
  return all;
}

function measuredOf(row: Row, store: StoreKind, found: readonly Found[]): Measured[] {
  return Object.entries(row.figures(store)).map(([name, figure]) => ({
    row: row.name,
    ...figure,
    rounds: found.map((round) => round[name] ?? Number.NaN),
  }));
}
