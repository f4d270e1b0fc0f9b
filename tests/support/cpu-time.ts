import { readdirSync, readFileSync } from "node:fs";

const PAGE_MB = 4 / 1024;
/** A clock tick of Linux. */
const TICK_MS = 10;

/**
 * CPU time of each thread of a process so far, in nanoseconds; Linux only. Clock ticks are too coarse: a sleeping
 * thread wakes up on the tick, so each short burst of work would count as ten milliseconds.
 */
export function threadTimes(pid: number): Map<string, number> {
  const ranNs = (thread: string) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  return new Map(readdirSync(`/proc/${pid}/task`).map((thread) => [thread, ranNs(thread)]));
}

/** CPU time that the threads alive now have used since then, in milliseconds. */
export function cpuMsSince(pid: number, before: ReadonlyMap<string, number>): number {
  return [...threadTimes(pid)].reduce((sum, [thread, ns]) => sum + ns - (before.get(thread) ?? 0), 0) / 1e6;
}

/** CPU time that a process and all its threads have used so far, and its children that have ended, in milliseconds. */
export function cpuMsOf(pid: number): { own: number; children: number } {
  const [user = 0, system = 0, childUser = 0, childSystem = 0] = fields(pid).slice(11, 15).map(Number);
  return { own: (user + system) * TICK_MS, children: (childUser + childSystem) * TICK_MS };
}

/** The memory that the processes use now. */
export function memoryMbOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(fields(pid)[21]) * PAGE_MB, 0);
}

/** The child processes of this process that are still running. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => Number(fields(child)[1]) === pid);
}

/** The fields from the state on; the name before them may contain anything. Empty if the process is gone. */
function fields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // It ended in the meantime.
  }
}
