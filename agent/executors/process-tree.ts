import { pause } from "../wait.ts";
import { keeperName } from "./keeper/keeper-name.ts";
import { libc } from "./libc.ts";
import { Marks, processesOf } from "./marks.ts";
import { isDead, linuxTable, type ProcessRow, readProc } from "./process-table.ts";

/** A process that does not end within this time after SIGKILL hangs in the kernel; nobody can end it. */
const KILL_LIMIT_MS = 5_000;
/** After so long it is worth looking whether what is left of a group are only the dead that nobody reaped. */
const LOOK_FOR_DEAD_MS = 30;
/** So often those who are born meanwhile are stopped too, before all are killed. */
const MAX_STOP_ROUNDS = 50;

/** Sends a signal to every process of a group. false: the group has no process left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  return send(-groupId, signal);
}

/** Kills what is left of a group whose leader has ended and was reaped, and waits until it is gone. false: nothing was left. */
export async function endGroup(groupId: number): Promise<boolean> {
  // Orphans that ended before are dead children of ours by now.
  reapGroup(groupId);
  if (!signalGroup(groupId, "SIGKILL")) return false;
  await untilGone((elapsedMs) => {
    reapGroup(groupId);
    if (!signalGroup(groupId, "SIGKILL")) return true;
    return elapsedMs >= LOOK_FOR_DEAD_MS && !hasLivingMember(groupId);
  });
  return true;
}

/**
 * Ends all processes that `find` finds, again and again until there is none. Each is stopped the moment it is found,
 * since it may be about to start another; all are killed when no new one is found, since the death of one may be what
 * another waits for to start two more. After `mayHaveMissed` some, that none was found means nothing. Returns whether
 * none is left.
 */
export function endAll(
  find: (found: (pid: number) => void) => void,
  mayHaveMissed: () => boolean = () => false,
): Promise<boolean> {
  return untilGone(() => {
    const stopped = new Set<number>();
    for (let round = 0; round < MAX_STOP_ROUNDS; round++) {
      const before = stopped.size;
      find((pid) => {
        if (stopped.has(pid)) return;
        send(pid, "SIGSTOP");
        stopped.add(pid);
      });
      if (stopped.size === before && !mayHaveMissed()) break;
    }
    for (const pid of stopped) send(pid, "SIGKILL");
    return stopped.size === 0 && !mayHaveMissed();
  });
}

/** Kills processes of these executions that left their group. */
export async function endStragglers(executionIds: ReadonlySet<string>): Promise<void> {
  await endAll((found) => processesOf(executionIds).forEach(found));
}

/**
 * What earlier processes of ours left of these executions: those below its keeper, that carry a mark or are in a
 * control group of one of them, who shares a session with such a process, and all their descendants.
 */
export function leftOf(executionIds: ReadonlySet<string>): number[] {
  const rows = linuxTable().filter((row) => !isDead(row));
  const keepers = keepersOf(rows, executionIds);
  const ownSession = rows.find((row) => row.pid === process.pid)?.sessionId;
  const marks = new Marks(executionIds);
  const marked = rows.filter(
    ({ pid }) => marks.executionOf(pid) !== undefined || isGroupOf(pid, executionIds),
  );
  const sessions = new Set(marked.map((row) => row.sessionId));
  sessions.delete(ownSession ?? 0);
  const roots = rows.filter((row) => marked.includes(row) || sessions.has(row.sessionId));
  const left = withDescendants(rows, new Set([...keepers, ...roots.map((row) => row.pid)]));
  // A keeper ends by itself when nothing is left below it, and as long as it lives none of its job gets away.
  return left.filter((pid) => pid !== process.pid && !keepers.has(pid));
}

function keepersOf(rows: readonly ProcessRow[], executionIds: ReadonlySet<string>): Set<number> {
  const names = new Set([...executionIds].map(keeperName));
  return new Set(rows.filter((row) => names.has(row.name)).map((row) => row.pid));
}

/** The living among these processes, and all that descend from any of them. */
export function withDescendants(rows: readonly ProcessRow[], roots: ReadonlySet<number>): number[] {
  const parents = new Map(rows.map((row) => [row.pid, row.parentId]));
  const known = new Map<number, boolean>([[0, false]]);
  const belongs = (pid: number): boolean => {
    const answer = known.get(pid);
    if (answer !== undefined) return answer;
    known.set(pid, false); // A table read while processes come and go may hold a circle.
    const parent = parents.get(pid);
    const result = roots.has(pid) || (parent !== undefined && belongs(parent));
    known.set(pid, result);
    return result;
  };
  return rows.filter((row) => !isDead(row) && belongs(row.pid)).map((row) => row.pid);
}

/** Sends a signal to a process, or with a negative number to a group. false: there is none. */
export function send(pidOrGroup: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(pidOrGroup, signal);
    return true;
  } catch (error) {
    // EPERM: it is there, but a setuid program is not ours to signal.
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}

function reapGroup(groupId: number): void {
  const system = libc();
  while (system?.reap(-groupId)) {
    // One dead child fewer.
  }
}

function isGroupOf(pid: number, executionIds: ReadonlySet<string>): boolean {
  const groups = readProc(pid, "cgroup");
  if (!groups.includes("/tanvrit-")) return false;
  return groups.split(/[/\n]/).some((name) => executionIds.has(name.replace(/^tanvrit-/, "")));
}

function hasLivingMember(groupId: number): boolean {
  if (process.platform !== "linux") return true;
  return linuxTable().some((row) => row.groupId === groupId && !isDead(row));
}

/** Returns whether it is gone; false after the longest time that is worth waiting. */
async function untilGone(isGone: (elapsedMs: number) => boolean): Promise<boolean> {
  const startMs = performance.now();
  for (let waitMs = 1; !isGone(performance.now() - startMs); waitMs = Math.min(waitMs * 2, 50)) {
    if (performance.now() - startMs > KILL_LIMIT_MS) return false;
    await pause(waitMs);
  }
  return true;
}
