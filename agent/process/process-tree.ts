import { pause } from "../../shared/wait.ts";
import { keeperName } from "./keeper-name.ts";
import { libc } from "./libc.ts";
import { eachProcessOf, Marks } from "./marks.ts";
import { Patience } from "./patience.ts";
import { isDead, linuxTable, type ProcessRow, readProc } from "./process-table.ts";

/** After so long it is worth looking whether what is left of a group are only the dead that nobody reaped. */
const LOOK_FOR_DEAD_MS = 30;
/** So often those who are born meanwhile are stopped too, before all are killed. */
const MAX_STOP_ROUNDS = 50;

/** Sends a signal to every process of a group. false: the group has no process left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  return send(-groupId, signal);
}

/** Kills what is left of a group whose leader has ended and was reaped. Returns whether nothing is left of it. */
export async function endGroup(groupId: number): Promise<boolean> {
  // Orphans that ended before are dead children of ours by now.
  reapGroup(groupId);
  if (!signalGroup(groupId, "SIGKILL")) return true;
  return untilGone(
    (elapsedMs) => {
      reapGroup(groupId);
      if (!signalGroup(groupId, "SIGKILL")) return true;
      return elapsedMs >= LOOK_FOR_DEAD_MS && livingIn(groupId).length === 0;
    },
    () => livingIn(groupId),
  );
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
  let stopped = new Set<number>();
  const isGone = () => {
    stopped = new Set();
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
  };
  return untilGone(isGone, () => stopped);
}

/** Kills processes of these executions that left their group. Returns whether none is left. */
export function endStragglers(executionIds: ReadonlySet<string>): Promise<boolean> {
  return endAll((found) => eachProcessOf(executionIds, found));
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

/** The group itself where the system does not tell its members. */
function livingIn(groupId: number): number[] {
  if (process.platform !== "linux") return [-groupId];
  const living = linuxTable().filter((row) => row.groupId === groupId && !isDead(row));
  return living.map((row) => row.pid);
}

/** Returns whether it is gone; false when what is `left` will not go. */
async function untilGone(
  isGone: (elapsedMs: number) => boolean,
  left: () => Iterable<number>,
): Promise<boolean> {
  const startMs = performance.now();
  const patience = new Patience();
  for (let waitMs = 1; !isGone(performance.now() - startMs); waitMs = Math.min(waitMs * 2, 50)) {
    if (patience.isOver(left)) return false;
    await pause(waitMs);
  }
  return true;
}
