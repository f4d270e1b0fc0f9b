import { EXECUTION_VARIABLE } from "./environment.ts";
import { libc } from "./libc.ts";
import { isDead, processIds, processStat, readProc } from "./process-table.ts";

/**
 * Two things show that a process belongs to an execution: its environment, and a mark that it keeps even if it clears its
 * environment, leaves its session or closes its files. The mark is a limit that children inherit and that limits nothing:
 * the number of file locks, which Linux has not counted since 2.4. A process that lowers it on purpose hides again.
 */
const MARK_BITS = 52;

/** Runs `spawn`; the process that it starts carries the mark of the execution. */
export function withMark<T>(executionId: string, spawn: () => T): T {
  const system = libc();
  if (!system?.setLockLimit(markOf(executionId))) return spawn();
  try {
    return spawn();
  } finally {
    system.setLockLimit(undefined);
  }
}

/** The living processes of these executions, no matter which session or group they are in. Always empty except on Linux. */
export function processesOf(executionIds: ReadonlySet<string>): number[] {
  const pids: number[] = [];
  eachProcessOf(executionIds, (pid) => pids.push(pid));
  return pids;
}

/** Calls `found` for each of the same processes, the moment it is found. */
export function eachProcessOf(executionIds: ReadonlySet<string>, found: (pid: number) => void): void {
  const known = new Marks(executionIds);
  for (const pid of processIds()) {
    if (pid === process.pid || known.executionOf(pid) === undefined) continue;
    if (!isDead(processStat(pid))) found(pid);
  }
}

/** A set of executions, to look up which of them a process belongs to. */
export class Marks {
  private readonly byMark = new Map<number, string>();
  private readonly ids = new Set<string>();

  constructor(executionIds: Iterable<string> = []) {
    for (const id of executionIds) this.add(id);
  }

  add(executionId: string): void {
    this.ids.add(executionId);
    this.byMark.set(Number(markOf(executionId)), executionId);
  }

  delete(executionId: string): void {
    this.ids.delete(executionId);
    this.byMark.delete(Number(markOf(executionId)));
  }

  /** The execution that a process, living or dead, belongs to; undefined: none in this set. */
  executionOf(pid: number): string | undefined {
    const byMark = this.byMark.get(lockLimitOf(pid));
    if (byMark !== undefined) return byMark;
    const named = executionNamedBy(pid);
    return named !== undefined && this.ids.has(named) ? named : undefined;
  }
}

/** The mark of an execution: the soft limit of file locks that its processes inherit. */
export function markOf(executionId: string): bigint {
  return BigInt.asUintN(MARK_BITS, Bun.hash.wyhash(executionId)) + 1n;
}

/** NaN: the process has no such limit, or cannot be read. */
function lockLimitOf(pid: number): number {
  const limits = readProc(pid, "limits");
  const at = limits.indexOf("Max file locks");
  return at === -1 ? Number.NaN : Number.parseInt(limits.slice(at + "Max file locks".length), 10);
}

function executionNamedBy(pid: number): string | undefined {
  const marker = `${EXECUTION_VARIABLE}=`;
  const variables = readProc(pid, "environ").split("\0");
  return variables.find((variable) => variable.startsWith(marker))?.slice(marker.length);
}
