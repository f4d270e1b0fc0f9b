/** A task of the control plane. `runOnce` does what is due at `nowMs` and may say when something is due before the next tick. */
export interface PeriodicTask {
  /** As in the architecture: `compute-dispatch`, … */
  name: string;
  intervalMs: number;
  runOnce(nowMs: number): Promise<{ nextDueAtMs: number | undefined }>;
}

const MIN_DELAY_MS = 5;

/** Runs one task at its interval, and earlier where something is due earlier; never twice at once. */
export class TaskRunner {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private timerAtMs = Number.POSITIVE_INFINITY;
  private running: Promise<void> | undefined;
  private stopped = false;

  constructor(
    private readonly task: PeriodicTask,
    private readonly now: () => number,
    private readonly onError: (task: string, error: unknown) => void,
  ) {}

  start(): void {
    this.runBefore(this.now() + MIN_DELAY_MS);
  }

  /** Makes sure the task runs no later than this (epoch milliseconds). */
  runBefore(atMs: number): void {
    if (this.stopped || atMs >= this.timerAtMs) return;
    clearTimeout(this.timer);
    this.timerAtMs = atMs;
    this.timer = setTimeout(() => this.run(), Math.max(MIN_DELAY_MS, atMs - this.now()));
  }

  /** Waits for a run in progress; none begins after. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
  }

  private run(): void {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    if (this.running) {
      this.runBefore(this.now() + MIN_DELAY_MS);
      return;
    }
    this.running = this.runTask().finally(() => {
      this.running = undefined;
    });
  }

  private async runTask(): Promise<void> {
    let nextDueAtMs: number | undefined;
    try {
      ({ nextDueAtMs } = await this.task.runOnce(this.now()));
    } catch (error) {
      this.onError(this.task.name, error);
    }
    this.runBefore(Math.min(this.now() + this.task.intervalMs, nextDueAtMs ?? Number.POSITIVE_INFINITY));
  }
}
