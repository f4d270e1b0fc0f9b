import { readdirSync, readFileSync } from "node:fs";

/** The kernel counts in hundredths of a second, on every Linux there is. */
const TICK_MS = 10;
const PAGE_MB = 4 / 1024;

/** What the processes have used of the processors so far, in milliseconds; Linux only. */
export function cpuMsOf(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(fields(pid)[11]) + Number(fields(pid)[12]), 0) * TICK_MS;
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
