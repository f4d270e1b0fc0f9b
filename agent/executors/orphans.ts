import { existsSync } from "node:fs";
import { libc } from "./libc.ts";
import { Marks } from "./marks.ts";
import { isDead, linuxTable, processStat, readProc } from "./process-table.ts";
import { endAll, send, withDescendants } from "./process-tree.ts";

/** How often the dead are reaped while jobs run. */
const LOOK_MS = 1_000;
/** The same while they are many, since each takes up a process id. */
const BUSY_LOOK_MS = 20;
const MANY_DEAD = 50;
/** So many executions are remembered after their end. */
const MAX_ENDED = 10_000;

/**
 * The processes that jobs left without a parent. They come to this process as its children, so that none of them can
 * hide, and each ends with its job. Who carries no job's mark is somebody else's here, and left alone.
 */
export class Orphans {
  /** By the leader of each. */
  private readonly leaders = new Map<number, string>();
  private readonly running = new Map<string, number>();
  private readonly ended = new Set<string>();
  /** Of those that run and those that ended. */
  private readonly marks = new Marks();
  /** They would not die: setuid programs, or those that hang in the kernel. Nobody waits for them any more. */
  private stubborn = new Set<number>();
  private timer: ReturnType<typeof setTimeout> | undefined;

  begun(executionId: string, leaderPid: number): void {
    this.running.set(executionId, leaderPid);
    this.leaders.set(leaderPid, executionId);
    this.marks.add(executionId);
    this.timer ??= this.lookIn(LOOK_MS);
  }

  /** Its leader was reaped. Resolves when nothing is left of the execution, or what is left will not die. */
  async over(executionId: string): Promise<void> {
    const leaderPid = this.running.get(executionId);
    if (leaderPid === undefined) return;
    this.running.delete(executionId);
    this.leaders.delete(leaderPid);
    this.remember(executionId);
    const others = (pid: number) => !this.stubborn.has(pid);
    // Who died between being listed and being looked at may have left a child that was listed nowhere yet.
    let died = 0;
    const find = (found: (pid: number) => void) => {
      died = this.eachStray((pid) => others(pid) && found(pid)).strays;
    };
    if (await endAll(find, () => died > 0)) return;
    this.eachStray((pid) => this.stubborn.add(pid));
  }

  private remember(executionId: string): void {
    this.ended.add(executionId);
    for (const oldest of this.ended) {
      if (this.ended.size <= MAX_ENDED) break;
      this.ended.delete(oldest);
      this.marks.delete(oldest);
    }
  }

  private lookIn(ms: number): ReturnType<typeof setTimeout> {
    return setTimeout(() => this.look(), ms).unref();
  }

  /** Now and then the dead are reaped, and what would not die, or was too fast, is killed again. */
  private look(): void {
    const left = new Set<number>();
    let strays = 0;
    const reaped = this.eachStray((pid) => {
      send(pid, "SIGKILL");
      strays++;
      if (this.stubborn.has(pid)) left.add(pid);
    });
    this.stubborn = left;
    const isNeeded = strays + reaped.strays > 0 || this.running.size > 0;
    this.timer = isNeeded ? this.lookIn(reaped.all > MANY_DEAD ? BUSY_LOOK_MS : LOOK_MS) : undefined;
  }

  /**
   * Reaps the dead, and calls `found` for the living whose jobs are over, and for all their descendants. Returns how
   * many were reaped, and of how many of them the jobs are over.
   */
  private eachStray(found: (pid: number) => void): { all: number; strays: number } {
    const reaped = { all: 0, strays: 0 };
    const strays = new Set<number>();
    for (const pid of ownChildren()) {
      if (this.leaders.has(pid)) continue;
      const executionId = this.marks.executionOf(pid);
      if (executionId === undefined) continue;
      if (isDead(processStat(pid))) {
        if (!libc()?.reap(pid)) continue;
        reaped.all++;
        if (!this.running.has(executionId)) reaped.strays++;
      } else if (!this.running.has(executionId)) {
        strays.add(pid);
        found(pid);
      }
    }
    if (strays.size > 0) withDescendants(linuxTable(), strays).forEach(found);
    return reaped;
  }
}

let ofThisProcess: Orphans | undefined | "none";

/**
 * There is one for the whole process, as its children are. undefined where orphans cannot be made to come to us;
 * then they go to the system's first process, and only their marks tell whose they are.
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
