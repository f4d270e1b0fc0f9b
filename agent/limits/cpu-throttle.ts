import { send } from "../process/process-tree.ts";

/** How often the used CPU time is compared with the allowed CPU time. */
const CHECK_MS = 40;
const MIN_PAUSE_MS = 10;
/** Even a job that used far too much is looked at again after this long. */
const MAX_PAUSE_MS = 500;
/** A job may save up this much unused time and then use it in one go. */
const SAVED_SECONDS = 0.25;

export interface Throttled {
  /** The job's process group. It includes processes that no look has seen yet. */
  groupId: number;
  /** Its living processes now, those among them that the job itself has stopped, and the CPU time of all. */
  look(): { pids: number[]; stoppedByJob: number[]; cpuSeconds: number };
}

/**
 * Keeps a job within its cores if the kernel does not. While the job has used more CPU time than allowed, all of it is
 * stopped; then it continues.
 */
export class CpuThrottle {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private lastMs = performance.now();
  private lastCpuSeconds = 0;
  /** CPU seconds used beyond what was allowed. */
  private aheadSeconds = 0;
  private stopped: number[] = [];
  private ended = false;

  constructor(
    private readonly job: Throttled,
    private readonly cores: number,
  ) {
    this.timer = setTimeout(() => this.check(), CHECK_MS);
  }

  /** Lets stopped processes continue, and leaves the job alone from now on. */
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
    // The sum drops when an orphan ends and takes its time with it.
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
    // Processes that the job itself stopped must stay stopped. If there are any, the group cannot be signalled as a whole.
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
