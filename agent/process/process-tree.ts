import { codeOf } from "../../shared/code-of.ts";
import { pause } from "../../shared/wait.ts";
import { keeperName } from "./keeper-name.ts";
import { libc } from "./libc.ts";
import { eachProcessOf, Marks } from "./marks.ts";
import { Patience } from "./patience.ts";
import { isDead, linuxTable, type ProcessRow, readProc } from "./process-table.ts";

/** After so long it is worth checking whether a group only has dead processes left that nobody has reaped. */
const LOOK_FOR_DEAD_MS = 30;
/** How many times to look for processes born in the meantime, and stop them too, before all are killed. */
const MAX_STOP_ROUNDS = 50;

/** Sends a signal to every process of a group. false: the group has no process left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  return send(-groupId, signal);
}

/** Kills what is left of a group after its leader has ended and was reaped. Resolves to whether the group is gone. */
export async function endGroup(groupId: number): Promise<boolean> {
  // Orphans that have ended are now dead children of this process.
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
 * Ends all processes that `find` finds (see `killFound`), and repeats until it finds none. When `mayHaveMissed` returns
 * true, finding none does not count. Resolves to whether all are gone.
 */
export function endAll(
  find: (found: (pid: number) => void) => void,
  mayHaveMissed: () => boolean = () => false,
): Promise<boolean> {
  let killed = new Set<number>();
  const isGone = () => {
    killed = killFound(find, mayHaveMissed);
    return killed.size === 0 && !mayHaveMissed();
  };
  return untilGone(isGone, () => killed);
}

/**
 * Kills all processes that `find` finds, and returns them. Each process is stopped the moment it is found, because it may
 * be about to start another. All are killed once no new one is found, because a process may wait for the death of another
 * to start two more.
 */
export function killFound(
  find: (found: (pid: number) => void) => void,
  mayHaveMissed: () => boolean = () => false,
): Set<number> {
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
  return stopped;
}

/** Kills processes of these executions that left their group. Resolves to whether all are gone. */
export function endStragglers(executionIds: ReadonlySet<string>): Promise<boolean> {
  return endAll((found) => eachProcessOf(executionIds, found));
}

/**
 * What earlier supervisors left of these executions: the processes below their keepers; those that carry a mark or are in
 * a control group of one of them; those that share a session with such a process; and all their descendants.
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
  // A keeper ends by itself once nothing is left below it. While it lives, none of its job gets away.
  return left.filter((pid) => pid !== process.pid && !keepers.has(pid));
}

function keepersOf(rows: readonly ProcessRow[], executionIds: ReadonlySet<string>): Set<number> {
  const names = new Set([...executionIds].map(keeperName));
  return new Set(rows.filter((row) => names.has(row.name)).map((row) => row.pid));
}

/** The living processes among `roots` and their living descendants. */
export function withDescendants(rows: readonly ProcessRow[], roots: ReadonlySet<number>): number[] {
  const parents = new Map(rows.map((row) => [row.pid, row.parentId]));
  const known = new Map<number, boolean>([[0, false]]);
  const belongs = (pid: number): boolean => {
    const answer = known.get(pid);
    if (answer !== undefined) return answer;
    known.set(pid, false); // A table read while processes come and go may contain a cycle.
    const parent = parents.get(pid);
    const result = roots.has(pid) || (parent !== undefined && belongs(parent));
    known.set(pid, result);
    return result;
  };
  return rows.filter((row) => !isDead(row) && belongs(row.pid)).map((row) => row.pid);
}

/** Sends a signal to a process or, given a negative number, to a group. false: it does not exist. */
export function send(pidOrGroup: number, signal: NodeJS.Signals | number): boolean {
  try {
    process.kill(pidOrGroup, signal);
    return true;
  } catch (error) {
    // EPERM: it exists, but this process may not signal a setuid program.
    return codeOf(error) !== "ESRCH";
  }
}

function reapGroup(groupId: number): void {
  const system = libc();
  while (system?.reap(-groupId)) {
    // Repeat until no dead child is left.
  }
}

function isGroupOf(pid: number, executionIds: ReadonlySet<string>): boolean {
  const groups = readProc(pid, "cgroup");
  if (!groups.includes("/tanvrit-")) return false;
  return groups.split(/[/\n]/).some((name) => executionIds.has(name.replace(/^tanvrit-/, "")));
}

/** The living members of a group; the group itself if the system does not list members. */
function livingIn(groupId: number): number[] {
  if (process.platform !== "linux") return [-groupId];
  const living = linuxTable().filter((row) => row.groupId === groupId && !isDead(row));
  return living.map((row) => row.pid);
}

/** Resolves to true once it is gone, or to false if the processes that are `left` will not die. */
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
