import type { Lease, LeaseStore } from "./lease-store.ts";

/** A task of the control plane. `runOnce` does what is due at `nowMs`, and may return when something is due before the next tick. */
export interface PeriodicTask {
  /** For example `compute-dispatch`. */
  name: string;
  intervalMs: number;
  /**
   * `one`: the server that holds the task's lease runs it for all servers. `each`: every server runs it, because only
   * some of them know what is due, or because the work is done once anyway.
   */
  runsOn: "one" | "each";
  /** Runs at each tick on every server, with or without the lease: what concerns this server alone. */
  onEveryServer?(): void;
  runOnce(nowMs: number): Promise<{ nextDueAtMs: number | undefined }>;
}

export interface RunnerParts {
  leases: LeaseStore;
  /** One id for each running server. */
  holder: string;
  /** Epoch milliseconds. */
  now: () => number;
  onError: (task: string, error: unknown) => void;
}

const MIN_DELAY_MS = 5;
/** The longest delay a timer accepts. */
const MAX_DELAY_MS = 2 ** 31 - 1;
/** How long a server holds a task beyond its next run. If the server dies, its work waits no longer than this. */
const MAX_GRACE_MS = 10_000;
/** A lease that ends this much later than the next run needs is shortened, so that a dead server delays less. */
const WORTH_SHORTENING_MS = 1_000;

/** Runs one task at its interval, or earlier if something is due earlier. Runs never overlap. */
export class TaskRunner {
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** By the monotonic clock, because the wall clock may be set. */
  private timerAtMs = Number.POSITIVE_INFINITY;
  private running: Promise<void> | undefined;
  private stopped = false;
  private heldUntilMs = 0;

  constructor(
    readonly task: PeriodicTask,
    private readonly parts: RunnerParts,
  ) {}

  start(): void {
    this.runBefore(this.parts.now() + MIN_DELAY_MS);
  }

  /** Makes sure the task runs no later than this (epoch milliseconds), if this server may run it. */
  runBefore(atMs: number): void {
    const delayMs = Math.min(MAX_DELAY_MS, Math.max(MIN_DELAY_MS, atMs - this.parts.now()));
    const timerAtMs = performance.now() + delayMs;
    if (this.stopped || timerAtMs >= this.timerAtMs) return;
    clearTimeout(this.timer);
    this.timerAtMs = timerAtMs;
    this.timer = setTimeout(() => this.run(), delayMs);
  }

  /** Waits for a run in progress and starts no other. Then another server can take the task immediately. */
  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.running;
    const { now, onError } = this.parts;
    if (this.heldUntilMs <= now()) return;
    await this.acquire(now(), 0).catch((error) => onError(this.task.name, error));
  }

  private run(): void {
    this.timerAtMs = Number.POSITIVE_INFINITY;
    if (this.running) {
      this.runBefore(this.parts.now() + MIN_DELAY_MS);
      return;
    }
    this.running = this.runTask().finally(() => {
      this.running = undefined;
    });
  }

  private async runTask(): Promise<void> {
    const { task } = this;
    let dueAtMs: number | undefined;
    try {
      task.onEveryServer?.();
      dueAtMs = task.runsOn === "each" ? await this.runHere() : await this.runIfHeld();
    } catch (error) {
      this.parts.onError(task.name, error);
    }
    this.runBefore(Math.min(this.parts.now() + task.intervalMs, dueAtMs ?? Number.POSITIVE_INFINITY));
  }

  private async runHere(): Promise<number | undefined> {
    return (await this.task.runOnce(this.parts.now())).nextDueAtMs;
  }

  private async runIfHeld(): Promise<number | undefined> {
    const { intervalMs } = this.task;
    const lease = await this.acquire(this.parts.now(), intervalMs + this.graceMs);
    // The holder may have died, so this server asks again as soon as the lease would expire.
    if (!lease.held) return lease.untilMs;
    const dueAtMs = await this.runHere();
    const nowMs = this.parts.now();
    const neededMs = Math.max(0, Math.min(intervalMs, (dueAtMs ?? Number.POSITIVE_INFINITY) - nowMs));
    if (lease.untilMs - nowMs - neededMs - this.graceMs > WORTH_SHORTENING_MS) {
      await this.acquire(nowMs, neededMs + this.graceMs);
    }
    return dueAtMs;
  }

  private get graceMs(): number {
    return Math.min(MAX_GRACE_MS, this.task.intervalMs / 2);
  }

  private async acquire(nowMs: number, forMs: number): Promise<Lease> {
    const { leases, holder } = this.parts;
    const untilMs = nowMs + forMs;
    const lease = await leases.acquire({ task: this.task.name, holder, nowMs, untilMs });
    this.heldUntilMs = lease.held ? lease.untilMs : 0;
    return lease;
  }
}

export function notBefore(fromMs: number, atMs: number | undefined): number | undefined {
  return atMs === undefined ? undefined : Math.max(fromMs, atMs);
}

/** The earliest of the times that are defined; undefined if there is none. */
export function earliest(timesMs: Iterable<number | undefined>): number | undefined {
  let leastMs: number | undefined;
  for (const atMs of timesMs) {
    if (atMs !== undefined && (leastMs === undefined || atMs < leastMs)) leastMs = atMs;
  }
  return leastMs;
}
