import { send } from "../process/process-tree.ts";

/** So often the CPU time that was used is compared with what may be. */
const CHECK_MS = 40;
const MIN_PAUSE_MS = 10;
/** A job that used far too much at once is not held still longer than this without another look. */
const MAX_PAUSE_MS = 500;
/** What a job left unused for so long it may use at once. */
const SAVED_SECONDS = 0.25;

export interface Throttled {
  /** The job's group, which also takes in those that nobody has seen yet. */
  groupId: number;
  /** Its living processes, with their state and the CPU time of all of them, as of now. */
  look(): { pids: number[]; stoppedByJob: number[]; cpuSeconds: number };
}

/**
 * Holds a job to its cores where the kernel does not: all of it is stopped as long as it is ahead of what it may use,
 * and goes on when it is not.
 */
export class CpuThrottle {
  private readonly job: Throttled;
  private readonly cores: number;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastMs = performance.now();
  private lastCpuSeconds = 0;
  /** CPU seconds used beyond what was allowed. */
  private aheadSeconds = 0;
  private stopped: number[] = [];
  private ended = false;

  constructor(job: Throttled, cores: number) {
    this.job = job;
    this.cores = cores;
    this.timer = setTimeout(() => this.check(), CHECK_MS);
  }

  /** Whatever was stopped goes on, and is left alone. */
  end(): void {
    this.ended = true;
    clearTimeout(this.timer);
    this.goOn();
  }

  private check(): void {
    if (this.ended) return;
    const { pids, stoppedByJob, cpuSeconds } = this.job.look();
    this.account(cpuSeconds);
    if (this.aheadSeconds <= 0) {
      this.goOn();
      this.timer = setTimeout(() => this.check(), CHECK_MS);
      return;
    }
    this.stop(pids, stoppedByJob);
    const pauseMs = (this.aheadSeconds / this.cores) * 1_000;
    const waitMs = Math.min(Math.max(pauseMs, MIN_PAUSE_MS), MAX_PAUSE_MS);
    this.timer = setTimeout(() => this.check(), waitMs);
  }

  private account(cpuSeconds: number): void {
    const nowMs = performance.now();
    const allowedSeconds = (this.cores * (nowMs - this.lastMs)) / 1_000;
    // It goes down when an orphan's time leaves with it.
    const usedSeconds = Math.max(0, cpuSeconds - this.lastCpuSeconds);
    this.lastMs = nowMs;
    this.lastCpuSeconds = cpuSeconds;
    this.aheadSeconds = Math.max(
      this.aheadSeconds + usedSeconds - allowedSeconds,
      -SAVED_SECONDS * this.cores,
    );
  }

  private stop(pids: number[], stoppedByJob: number[]): void {
    const ours = new Set(this.stopped);
    const theirs = stoppedByJob.filter((pid) => !ours.has(pid));
    // What the job itself has stopped must not go on because of us, so a signal to the whole group will not do then.
    if (theirs.length === 0) {
      send(-this.job.groupId, "SIGSTOP");
      ours.add(-this.job.groupId);
    }
    for (const pid of pids) {
      if (theirs.includes(pid)) continue;
      send(pid, "SIGSTOP");
      ours.add(pid);
    }
    this.stopped = [...ours];
  }

  private goOn(): void {
    for (const pid of this.stopped) send(pid, "SIGCONT");
    this.stopped = [];
  }
}
