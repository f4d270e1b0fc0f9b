import { type NodeCalls, nodeCalls } from "../support/api.ts";
import { Dice } from "../support/seeded.ts";
import type { Fault } from "./fleet.ts";
import type { SimulatedJob } from "./simulated-job.ts";
import type { NodePlan, Replacement } from "./simulated-node.ts";

/** Jobs that are submitted by one call. */
export interface PlannedSubmit {
  atMs: number;
  /** One job, an array of `count` jobs of which `atOnce` run at once, or `count` jobs in one batch. */
  what: "job" | "array" | "batch";
  count: number;
  atOnce?: number | undefined;
  job: SimulatedJob;
  maxRetries: number;
  /** The jobs share one of a few groups, which lets `limit` of them run at once. */
  group?: { name: string; limit: number } | undefined;
  /** A job comes after the one of the call before it that makes one job, and needs its success. */
  isAfter: boolean;
  /** The same call is made twice at the same time, with the same idempotency key. */
  isTwice: boolean;
  /** The first job is cancelled so long after the answer; undefined: it is not. */
  cancelAfterMs?: number | undefined;
}

export type PlannedFault = { atMs: number } & (
  | Fault
  | ({ kind: "replaceAgent"; node: number } & Replacement)
);

/** All that is planned for one run of a fleet; the same for the same seed. What comes of it still depends on time. */
export interface Agenda {
  seed: number;
  /** 1: on the embedded store; more: on MongoDB and Redis. */
  servers: number;
  /** Whether the nodes cost credit. */
  isHosted: boolean;
  nodes: NodePlan[];
  submits: PlannedSubmit[];
  faults: PlannedFault[];
}

const WINDOW_MS = 3_000;
/** Of one server; of several, which need far more time for a job, half as many. */
const MIN_JOBS = 80;
const MAX_JOBS = 200;
const GROUPS: [{ name: string; limit: number }, ...{ name: string; limit: number }[]] = [
  { name: "narrow", limit: 1 },
  { name: "wide", limit: 3 },
];
/** Enough to be in the middle of any call. */
const MAX_CUT_BYTES = 40_000;

export function agendaOf(seed: number): Agenda {
  const dice = new Dice(seed);
  const servers = dice.pick([1, 1, 2, 3, 1]);
  const nodes = Array.from({ length: dice.number(2, 6) }, () => ({
    calls: dice.pick<NodeCalls>(nodeCalls),
    slots: dice.pick([4, 8, 32]),
    sendsTwice: dice.chance(0.4),
  }));
  const submits: PlannedSubmit[] = [];
  const jobs = dice.number(MIN_JOBS, MAX_JOBS) / (servers > 1 ? 2 : 1);
  for (let planned = 0; planned < jobs; ) {
    const submit = plannedSubmit(dice);
    submits.push(submit);
    planned += submit.count;
  }
  const faults = Array.from({ length: dice.number(4, 12) }, () => plannedFault(dice, servers, nodes.length));
  // A second one so soon would find no member that may be elected.
  const stepDown = faults.findIndex(({ kind }) => kind === "stepDown");
  return {
    seed,
    servers,
    isHosted: dice.chance(0.4),
    nodes,
    submits: submits.sort((a, b) => a.atMs - b.atMs),
    faults: faults
      .filter(({ kind }, i) => kind !== "stepDown" || i === stepDown)
      .sort((a, b) => a.atMs - b.atMs),
  };
}

function plannedSubmit(dice: Dice): PlannedSubmit {
  const what = dice.pick<PlannedSubmit["what"]>(["job", "job", "job", "job", "array", "batch"]);
  const count = what === "job" ? 1 : dice.number(2, 12);
  const maxRetries = dice.pick([0, 0, 1, 2, 2]);
  const isShort = dice.chance(0.4);
  return {
    atMs: dice.number(0, WINDOW_MS),
    what,
    count,
    atOnce: what === "array" && dice.chance(0.5) ? dice.number(1, 3) : undefined,
    job: {
      startMs: isShort ? 0 : dice.number(0, 60),
      runMs: isShort ? 0 : dice.number(50, dice.chance(0.1) ? 1_500 : 500),
      lines: dice.number(1, 6),
      failures: dice.chance(0.7) ? 0 : dice.number(1, 3),
    },
    maxRetries,
    group: what !== "array" && dice.chance(0.15) ? dice.pick(GROUPS) : undefined,
    isAfter: what === "job" && dice.chance(0.15),
    isTwice: dice.chance(0.3),
    cancelAfterMs: dice.chance(0.15) ? dice.number(0, 400) : undefined,
  };
}

function plannedFault(dice: Dice, servers: number, nodes: number): PlannedFault {
  const atMs = dice.number(100, WINDOW_MS + 500);
  const server = dice.number(0, servers - 1);
  const kind = dice.pick<PlannedFault["kind"]>([
    ...(["kill", "kill", "restart", "cut", "cut", "cutAll", "replaceAgent", "replaceAgent"] as const),
    ...(servers > 1 ? (["stepDown", "restartBus", "restartBus"] as const) : []),
  ]);
  switch (kind) {
    case "kill":
      return { atMs, kind, server, downMs: downMs(dice) };
    case "restartBus":
      return { atMs, kind, downMs: downMs(dice) };
    case "stepDown":
      return { atMs, kind };
    case "restart":
    case "cutAll":
      return { atMs, kind, server };
    case "cut":
      return {
        atMs,
        kind,
        server,
        afterBytes: dice.number(1, MAX_CUT_BYTES),
        direction: dice.pick(["toServer", "toClient"]),
      };
    case "replaceAgent": {
      const isSameRun = dice.chance(0.3);
      const keepsJobs = !isSameRun && dice.chance(0.5);
      const lateMs = dice.chance(0.6) ? dice.number(0, 500) : undefined;
      return { atMs, kind, node: dice.number(0, nodes - 1), keepsJobs, isSameRun, lateMs };
    }
  }
}

function downMs(dice: Dice): number {
  return dice.chance(0.5) ? 0 : dice.number(0, 800);
}

/** A few lines for people. */
export function inWords({ servers, isHosted, nodes, submits, faults }: Agenda): string[] {
  const store =
    servers === 1 ? "one server on the embedded store" : `${servers} servers on MongoDB and Redis`;
  const jobs = submits.reduce((sum, { count }) => sum + count, 0);
  const agents = nodes.map(
    ({ calls, slots, sendsTwice }) => `${calls} with ${slots} slots${sendsTwice ? ", sends twice" : ""}`,
  );
  return [
    `${store}${isHosted ? ", hosted nodes" : ""}; ${jobs} jobs in ${submits.length} calls`,
    `agents: ${agents.join("; ")}`,
    ...faults.map((fault) => `${(fault.atMs / 1_000).toFixed(2)} s: ${faultInWords(fault)}`),
  ];
}

function faultInWords(fault: PlannedFault): string {
  switch (fault.kind) {
    case "kill":
      return `kill -9 of server ${fault.server}, for ${fault.downMs} ms`;
    case "restart":
      return `server ${fault.server} is stopped and started`;
    case "cutAll":
      return `all connections to server ${fault.server} are cut`;
    case "restartBus":
      return `kill -9 of the bus, for ${fault.downMs} ms`;
    case "stepDown":
      return "the primary of the store steps down";
    case "cut":
      return `a connection to server ${fault.server} is cut after ${fault.afterBytes} bytes ${fault.direction}`;
    case "replaceAgent": {
      const who = fault.isSameRun ? "registers again" : "dies and another follows";
      const jobs = fault.keepsJobs ? "with all its jobs" : "with no job";
      const late = fault.lateMs === undefined ? "" : `, and reports late after ${fault.lateMs} ms`;
      return `the agent of node ${fault.node} ${who} ${jobs}${late}`;
    }
  }
}
