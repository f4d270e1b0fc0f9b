import { readdirSync, readFileSync } from "node:fs";

const PAGE_MB = 4 / 1024;

/**
 * What each thread of a process has run so far, in nanoseconds; Linux only. Ticks would not do: what sleeps wakes up
 * with the clock's tick, and each moment of work then counts as ten milliseconds.
 */
export function threadTimes(pid: number): Map<string, number> {
  const ranNs = (thread: string) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  return new Map(readdirSync(`/proc/${pid}/task`).map((thread) => [thread, ranNs(thread)]));
}

/** What the threads that are there now have run since then, in milliseconds. */
export function cpuMsSince(pid: number, before: ReadonlyMap<string, number>): number {
  return [...threadTimes(pid)].reduce((sum, [thread, ns]) => sum + ns - (before.get(thread) ?? 0), 0) / 1e6;
}

/** What the processes hold of memory now. */
export function memoryMbOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(fields(pid)[21]) * PAGE_MB, 0);
}

/** The processes that this one started and that are still its children. */
export function childrenOf(pid: number): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((child) => Number(fields(child)[1]) === pid);
}

/** From the state on; the name before it may hold anything. Empty where the process is gone. */
function fields(pid: number): string[] {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return []; // It ended meanwhile.
  }
}
