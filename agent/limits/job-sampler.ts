import { MIB } from "../../shared/bytes-text.ts";
import { Marks } from "../process/marks.ts";
import { isDead, type ProcessRow, processStat, processTable, readProc } from "../process/process-table.ts";
import { CpuThrottle, type Throttled } from "./cpu-throttle.ts";
import { hasLimits, toMib } from "./limit-enforcer.ts";
import type { ExceededLimit, TaskLimits } from "./limits.ts";

/** How often to look at a job if only its peak is of interest. */
const MEASURE_MS = 500;
/** How often to look at a job with a limit, and at one near its limit. */
const GUARD_MS = 200;
const NEAR_MS = 50;
const NEAR_SHARE = 0.6;
/** Looks take at most a twentieth of the time, so they do not slow down a machine full of processes. */
const COST_SHARE = 20;

/** What is known about one watched job. */
export interface JobWatch {
  peakBytes: number;
  /** At the last look; undefined before the first. */
  heldBytes: number | undefined;
  /** The highest value seen: a process that nobody waits for takes its CPU time with it when it ends. */
  cpuSeconds: number;
  exceeded: ExceededLimit | undefined;
  /** The processes that were alive at the last look, with their start times. */
  readonly seen: ReadonlyMap<number, string>;
}

export interface JobToWatch {
  executionId: string;
  leaderPid: number;
  /** The keeper process: everything below it is the job. undefined: the job has none. */
  keeperPid: number | undefined;
  /** The limits that nothing else enforces. */
  limits: TaskLimits;
  /** Called once, when the job exceeds one of them. */
  onExceeded(): void;
}

interface Watched extends JobWatch, JobToWatch {
  seen: Map<number, string>;
  /** The first look at a job without limits is skipped: most jobs end before the second. */
  looks: number;
  rows: ProcessRow[];
  throttle: CpuThrottle | undefined;
}

/**
 * Looks at all jobs of this process in one pass over the system's processes. It finds how much memory each job uses, and
 * which processes belong to it although they left its group. A job that ends before its second look costs next to nothing.
 */
export class JobSampler {
  private readonly watched = new Map<string, Watched>();
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** How long the last look took. */
  private costMs = 0;
  private nearLimit = false;

  watch(job: JobToWatch): JobWatch {
    const { executionId, leaderPid, limits } = job;
    const watched: Watched = {
      ...job,
      seen: new Map(),
      looks: 0,
      rows: [],
      peakBytes: 0,
      heldBytes: undefined,
      cpuSeconds: 0,
      exceeded: undefined,
      throttle: undefined,
    };
    this.watched.set(executionId, watched);
    if (limits.cpu !== undefined) {
      watched.throttle = new CpuThrottle({ groupId: leaderPid, look: () => lookAt(watched) }, limits.cpu);
    }
    // The first look at a job with limits must not wait for a timer that was set only to measure.
    if (hasLimits(limits)) clearTimeout(this.timer);
    if (this.timer === undefined || hasLimits(limits)) this.schedule();
    return watched;
  }

  forget(executionId: string): void {
    this.watched.get(executionId)?.throttle?.end();
    this.watched.delete(executionId);
    if (this.watched.size > 0) return;
    clearTimeout(this.timer);
    this.timer = undefined;
  }

  private schedule(): void {
    const guarded = [...this.watched.values()].some((one) => hasLimits(one.limits));
    const wantedMs = !guarded ? MEASURE_MS : this.nearLimit ? NEAR_MS : GUARD_MS;
    const waitMs = Math.min(MEASURE_MS, Math.max(wantedMs, this.costMs * COST_SHARE));
    this.timer = setTimeout(() => void this.look(), waitMs);
  }

  private async look(): Promise<void> {
    const startMs = performance.now();
    const due = [...this.watched.values()].filter((one) => one.looks++ > 0 || hasLimits(one.limits));
    this.nearLimit = false;
    if (due.length > 0) this.sort(await processTable(), due);
    this.costMs = performance.now() - startMs;
    if (this.watched.size > 0) this.schedule();
    else this.timer = undefined;
  }

  /** Assigns each process to its job. */
  private sort(rows: ProcessRow[], due: Watched[]): void {
    const owners = new Owners(rows, due);
    const rowsOf = new Map<Watched, ProcessRow[]>(due.map((one) => [one, []]));
    for (const row of rows) {
      const owner = isDead(row) ? undefined : owners.of(row);
      if (owner) rowsOf.get(owner)?.push(row);
    }
    for (const [one, its] of rowsOf) {
      // The job may have ended while the table was read.
      if (this.watched.get(one.executionId) === one) this.judge(one, its);
    }
  }

  private judge(one: Watched, rows: ProcessRow[]): void {
    one.rows = rows;
    one.cpuSeconds = Math.max(one.cpuSeconds, cpuOf(rows));
    one.seen.clear();
    for (const row of rows) one.seen.set(row.pid, row.startTicks);
    const { memoryMb, pids } = one.limits;
    const allowedBytes = (memoryMb ?? Number.POSITIVE_INFINITY) * MIB;
    let heldBytes = rows.reduce((sum, row) => sum + row.residentBytes, 0);
    // The resident size counts shared memory once for each process, and it counts pages of files, which the kernel can take
    // back at any time. Before the job is judged, shared memory is counted once and pages of files are left out.
    if (heldBytes > allowedBytes) heldBytes = rows.reduce((sum, row) => sum + shareOf(row), 0);
    one.heldBytes = heldBytes;
    one.peakBytes = Math.max(one.peakBytes, heldBytes, ...rows.map((row) => highWater(row.pid)));
    if (heldBytes > allowedBytes * NEAR_SHARE) this.nearLimit = true;
    if (one.exceeded) return;
    if (heldBytes > allowedBytes) {
      one.exceeded = { limit: "memoryMb", allowed: memoryMb ?? 0, peak: toMib(heldBytes) };
    }
    const threads = rows.reduce((sum, row) => sum + row.threads, 0);
    if (pids !== undefined && threads > pids) one.exceeded = { limit: "pids", allowed: pids, peak: threads };
    if (one.exceeded) one.onExceeded();
  }
}

/** Finds the job of a process: by its keeper, its session, the last look, its parent, or its mark. */
class Owners {
  private readonly rows: ReadonlyMap<number, ProcessRow>;
  private readonly known = new Map<number, Watched | undefined>();
  private readonly bySession: ReadonlyMap<number, Watched>;
  private readonly byKeeper: ReadonlyMap<number, Watched>;
  private readonly byExecution: ReadonlyMap<string, Watched>;
  private readonly marks: Marks;
  private readonly seenBefore = new Map<number, Watched>();

  constructor(rows: ProcessRow[], due: Watched[]) {
    this.rows = new Map(rows.map((row) => [row.pid, row]));
    this.bySession = new Map(due.map((one) => [one.leaderPid, one]));
    this.byKeeper = new Map(due.flatMap((one) => (one.keeperPid ? [[one.keeperPid, one]] : [])));
    this.byExecution = new Map(due.map((one) => [one.executionId, one]));
    this.marks = new Marks(this.byExecution.keys());
    for (const one of due) for (const pid of one.seen.keys()) this.seenBefore.set(pid, one);
  }

  of(row: ProcessRow): Watched | undefined {
    if (this.known.has(row.pid)) return this.known.get(row.pid);
    this.known.set(row.pid, undefined); // A table read while processes come and go may contain a cycle.
    const owner = this.find(row);
    this.known.set(row.pid, owner);
    return owner;
  }

  private find(row: ProcessRow): Watched | undefined {
    const byKeeper = this.byKeeper.get(row.parentId);
    if (byKeeper) return byKeeper;
    if (this.byKeeper.has(row.pid)) return undefined;
    const bySession = this.bySession.get(row.sessionId);
    if (bySession) return bySession;
    const before = this.seenBefore.get(row.pid);
    if (before?.seen.get(row.pid) === row.startTicks) return before;
    // An orphan is now a child of this process or of the system's first process.
    if (row.parentId === process.pid || row.parentId === 1) {
      return this.byExecution.get(this.marks.executionOf(row.pid) ?? "");
    }
    const parent = this.rows.get(row.parentId);
    return parent && this.of(parent);
  }
}

/** The job's processes now, if that is cheap to find out (on Linux); otherwise as of the last look. */
function lookAt({ seen, leaderPid, rows }: Watched): ReturnType<Throttled["look"]> {
  const pids = seen.size > 0 ? [...seen.keys()] : [leaderPid];
  const now = process.platform === "linux" ? pids.flatMap((pid) => processStat(pid) ?? []) : rows;
  return {
    pids: now.map((row) => row.pid),
    stoppedByJob: now.filter((row) => row.state.startsWith("T")).map((row) => row.pid),
    cpuSeconds: cpuOf(now),
  };
}

function cpuOf(rows: readonly ProcessRow[]): number {
  return rows.reduce((sum, row) => sum + row.cpuSeconds, 0);
}

/** A process's share of memory, without pages of files. The resident size if the kernel does not report shares. */
function shareOf(row: ProcessRow): number {
  const text = readProc(row.pid, "smaps_rollup");
  const kb = numberIn(text, "\nPss:");
  return kb === 0 ? row.residentBytes : (kb - numberIn(text, "\nPss_File:")) * 1024;
}

/** The highest memory use of a process, including between looks. */
function highWater(pid: number): number {
  return numberIn(readProc(pid, "status"), "VmHWM:") * 1024;
}

function numberIn(text: string, name: string): number {
  const at = text.indexOf(name);
  return at === -1 ? 0 : Number.parseInt(text.slice(at + name.length), 10);
}
