import { cpuMsOf } from "../tests/support/cpu-time.ts";
import { supervisorsBelow } from "../tests/support/supervisors.ts";
import type { Found } from "./row.ts";
import type { Stage } from "./stage.ts";

/** CPU time so far, in milliseconds, of all that runs a job. */
export interface CpuSoFar {
  server: number;
  worker: number;
  supervisor: number;
  /** The processes of jobs that have ended, with what it takes to fork them. */
  children: number;
  mongod: number;
}

export function cpuOfStage(stage: Stage, agent: number): CpuSoFar {
  const supervisors = supervisorsBelow(stage.person.home.path).map(cpuMsOf);
  return {
    server: cpuMsOf(stage.server.pid).own,
    worker: cpuMsOf(agent).own,
    supervisor: sum(supervisors.map(({ own }) => own)),
    children: sum(supervisors.map(({ children }) => children)),
    mongod: sum((stage.mongo?.pids ?? []).map((pid) => cpuMsOf(pid).own)),
  };
}

/** Microseconds for each of `count` jobs, or of whatever is counted. */
export function cpuForEach(before: CpuSoFar, after: CpuSoFar, count: number): Found {
  const of = (name: keyof CpuSoFar) => ((after[name] - before[name]) * 1_000) / count;
  return Object.fromEntries((Object.keys(before) as (keyof CpuSoFar)[]).map((name) => [name, of(name)]));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
