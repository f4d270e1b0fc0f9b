import { existsSync } from "node:fs";
import { libc } from "./libc.ts";
import { isDead, linuxTable, processStat, readProc } from "./process-table.ts";
import { endAll, executionNamedBy, withDescendants } from "./process-tree.ts";

/** How often the dead are reaped while jobs run. */
const LOOK_MS = 1_000;
/** A dead child that we did not see alive may be somebody's here who has not yet collected it. */
const UNCOLLECTED_MS = 500;
/** So many executions are remembered after their end. */
const MAX_ENDED = 10_000;

interface Orphan {
  /** With the process id it names a process for good. */
  startTicks: string;
  firstSeenMs: number;
  /** The executions it may belong to; it has to end when none of them runs. */
  owners: ReadonlySet<string>;
  /** It would not die: a setuid program, or one that hangs in the kernel. */
  givenUp: boolean;
}

/**
 * The processes that jobs left without a parent. They come to this process as its children, so that none of them can
 * hide, whatever it did to its group, session and environment. One that does not show whose it is belongs to one of
 * the jobs that ran when it was found, and ends when none of those runs any more.
 *
 * Children that belong to somebody else here are told by running in our own session, or by naming another execution.
 */
export class Orphans {
  private readonly running = new Map<string, number>();
  private readonly leaders = new Map<number, string>();
  /** Ended since the last look: what is found now may be theirs. */
  private justEnded = new Set<string>();
  private readonly ended = new Set<string>();
  private readonly found = new Map<number, Orphan>();
  private readonly ownSession = processStat(process.pid)?.sessionId;
  private timer: ReturnType<typeof setInterval> | undefined;

  begun(executionId: string, leaderPid: number): void {
    this.running.set(executionId, leaderPid);
    this.leaders.set(leaderPid, executionId);
    this.timer ??= setInterval(() => void this.endStrays(), LOOK_MS);
    this.timer.unref();
  }

  /** Its leader was reaped. Resolves when nothing is left of the execution, as far as that can be told. */
  async over(executionId: string): Promise<void> {
    const leaderPid = this.running.get(executionId);
    if (leaderPid === undefined) return;
    this.running.delete(executionId);
    this.leaders.delete(leaderPid);
    this.justEnded.add(executionId);
    this.ended.add(executionId);
    for (const oldest of this.ended) {
      if (this.ended.size <= MAX_ENDED) break;
      this.ended.delete(oldest);
    }
    await this.endStrays();
    if (this.running.size > 0 || this.found.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private async endStrays(): Promise<void> {
    if (this.strays().length === 0) return;
    if (await endAll(() => this.strays())) return;
    for (const pid of this.strays()) {
      const orphan = this.found.get(pid);
      if (orphan) orphan.givenUp = true;
    }
  }

  /** Reaps the dead, and returns the living whose jobs are over, with all their descendants. */
  private strays(): number[] {
    const children = ownChildren();
    for (const pid of this.found.keys()) if (!children.includes(pid)) this.found.delete(pid);
    for (const pid of children) if (!this.leaders.has(pid)) this.look(pid);
    this.justEnded = new Set();
    const due = new Set<number>();
    for (const [pid, orphan] of this.found) {
      if (!orphan.givenUp && ![...orphan.owners].some((id) => this.running.has(id))) due.add(pid);
    }
    return due.size === 0 ? [] : withDescendants(linuxTable(), due);
  }

  private look(pid: number): void {
    const row = processStat(pid);
    if (!row || row.sessionId === this.ownSession) return;
    let orphan = this.found.get(pid);
    if (orphan?.startTicks !== row.startTicks) orphan = undefined;
    if (isDead(row)) {
      const seenMs = orphan ? performance.now() - orphan.firstSeenMs : 0;
      const isKnown = (orphan && orphan.owners.size > 0) || this.leaders.has(row.sessionId);
      if (isKnown || seenMs > UNCOLLECTED_MS) {
        libc()?.reap(pid);
        this.found.delete(pid);
        return;
      }
      if (!orphan) this.remember(pid, row.startTicks, new Set());
      return;
    }
    if (orphan) return;
    const owners = this.ownersOf(pid, row.sessionId);
    if (owners) this.remember(pid, row.startTicks, owners);
  }

  private remember(pid: number, startTicks: string, owners: ReadonlySet<string>): void {
    this.found.set(pid, { startTicks, firstSeenMs: performance.now(), owners, givenUp: owners.size === 0 });
  }

  /** undefined: no job's. */
  private ownersOf(pid: number, sessionId: number): ReadonlySet<string> | undefined {
    const named = executionNamedBy(pid);
    if (named !== undefined)
      return this.running.has(named) || this.ended.has(named) ? new Set([named]) : undefined;
    const bySession = this.leaders.get(sessionId);
    if (bySession !== undefined) return new Set([bySession]);
    return new Set([...this.running.keys(), ...this.justEnded]);
  }
}

let ofThisProcess: Orphans | undefined | "none";

/**
 * There is one for the whole process, as its children are. undefined where orphans cannot be made to come to us;
 * then they go to the system's first process, and only their environment tells whose they are.
 */
export function orphans(): Orphans | undefined {
  // Not every kernel is built with the list of children.
  const canSee = () => existsSync(`/proc/${process.pid}/task/${process.pid}/children`);
  ofThisProcess ??= canSee() && libc()?.becomeSubreaper() ? new Orphans() : "none";
  return ofThisProcess === "none" ? undefined : ofThisProcess;
}

function ownChildren(): number[] {
  return readProc(process.pid, `task/${process.pid}/children`).split(" ").filter(Boolean).map(Number);
}
