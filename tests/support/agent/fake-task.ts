import { setImmediate } from "node:timers/promises";
import {
  type RunningTask,
  StartFailedError,
  type Task,
  type TaskExit,
} from "../../../agent/executors/port/executor.ts";
import type { ExceededLimit, TaskSample, TaskUsage } from "../../../agent/limits/limits.ts";

type Stream = "stdout" | "stderr";
/** A text, or raw bytes, for example half a character. */
export type FakeSaying = readonly [stream: Stream, what: string | Uint8Array];

/**
 * How a task behaves. By default it starts immediately, prints nothing, uses a little, ends on TERM, and otherwise runs
 * until somebody ends it.
 */
export interface FakePlan {
  /** The start fails with this reason. */
  startFails?: string;
  /** Its start throws an error that the port does not define. */
  startThrows?: Error;
  /** Its start takes until `letStart` is called or its signal fires. */
  startHangs?: true;
  /** Its output; each is one chunk. */
  says?: readonly FakeSaying[];
  /** After that it writes this to stdout as fast as it is read, until it is ended. */
  endless?: string | Uint8Array;
  /** It exits like this after it has printed everything. */
  exit?: TaskExit;
  onTerm?: "dies" | "ignores" | { says?: readonly FakeSaying[]; exit: TaskExit };
  /** Even KILL does not end it, like a process that hangs in the kernel; `finish` does. */
  unkillable?: true;
  /** `{}`: unknown. */
  usage?: TaskUsage;
  stopThrows?: Error;
  waitRejects?: Error;
}

const A_LITTLE: TaskUsage = { cpuSeconds: 0.01, peakMemoryMb: 1 };

/** A played command; the test decides what it does. */
export class FakeTask implements RunningTask {
  readonly executionId: string;
  /** The grace of each `stop`, in order. */
  readonly stops: number[] = [];
  private used: TaskUsage;
  private phase: "starting" | "running" | "ended" = "starting";
  private readonly start = Promise.withResolvers<void>();
  private readonly over = Promise.withResolvers<TaskExit>();
  /** The output that each stream has yet to deliver, as one promise. */
  private readonly handing = new Map<Stream, Promise<void>>();
  private readonly stopReading = new AbortController();
  private killed = false;
  private killTimer: ReturnType<typeof setTimeout> | undefined;
  private killDueMs = Number.POSITIVE_INFINITY;

  /** @param task what the executor was given. */
  constructor(
    readonly task: Task,
    private readonly plan: FakePlan,
  ) {
    this.executionId = task.assignment.executionId;
    this.used = plan.usage ?? A_LITTLE;
    // A caller that never waits must not see an unhandled rejection; callers that wait do see it.
    this.over.promise.catch(() => {});
  }

  get outputRoot(): string {
    return this.task.dir;
  }

  get runs(): boolean {
    return this.phase === "running";
  }

  /** Writes a chunk of output. Resolves when the chunk was read, or when the task was killed first. */
  say(...[stream, what]: FakeSaying): Promise<void> {
    const bytes = typeof what === "string" ? Buffer.from(what) : what;
    const write = () =>
      this.killed ? undefined : this.task.output.write(stream, bytes, this.stopReading.signal);
    const before = this.handing.get(stream);
    const taken = before ? before.then(write) : write();
    if (!taken) return Promise.resolve();
    const turn = taken.then(() => {
      if (this.handing.get(stream) === turn) this.handing.delete(stream);
    });
    this.handing.set(stream, turn);
    return turn;
  }

  /** Ends the task after all of its output was read. Further calls do nothing. */
  async finish(exit: TaskExit = { exitCode: 0 }): Promise<void> {
    if (this.phase === "ended") return;
    await Promise.all(this.handing.values());
    this.settle(exit);
  }

  /** Ends the task because it exceeded one of its limits. */
  async exceed(limit: ExceededLimit["limit"], peak?: number): Promise<void> {
    const allowed = this.task.limits[limit];
    if (allowed === undefined) throw new Error(`${this.executionId} has no limit of ${limit} to exceed`);
    await this.finish({
      signal: "SIGKILL",
      exceeded: { limit, allowed, ...(peak !== undefined && { peak }) },
    });
  }

  /** Sets the answer of `usage`, until the task has ended. */
  uses(usage: TaskUsage): void {
    if (this.phase !== "ended") this.used = usage;
  }

  /** Lets a hanging start continue. */
  letStart(): void {
    this.start.resolve();
  }

  wait(): Promise<TaskExit> {
    return this.over.promise;
  }

  stop(graceMs: number): void {
    const isFirst = this.stops.length === 0;
    this.stops.push(graceMs);
    if (this.plan.stopThrows) throw this.plan.stopThrows;
    if (this.phase === "ended") return;
    if (isFirst && graceMs > 0) this.term();
    const dueMs = performance.now() + graceMs;
    if (dueMs >= this.killDueMs) return;
    this.killDueMs = dueMs;
    clearTimeout(this.killTimer);
    if (graceMs <= 0) this.kill();
    else this.killTimer = setTimeout(() => this.kill(), graceMs);
  }

  sample(): TaskSample | undefined {
    if (this.phase !== "running") return undefined;
    return { cpuSeconds: this.used.cpuSeconds ?? 0, memoryMb: this.used.peakMemoryMb ?? 0 };
  }

  usage(): TaskUsage {
    return { ...this.used };
  }

  /** Called by the executor: resolves once the command runs. */
  async begin(signal: AbortSignal): Promise<void> {
    const { startFails, startThrows, startHangs } = this.plan;
    if (startThrows) throw startThrows;
    if (startFails !== undefined) throw new StartFailedError(startFails);
    const giveUp = () => this.start.reject(new StartFailedError("The start was given up."));
    if (signal.aborted) giveUp();
    else if (!startHangs) this.start.resolve();
    signal.addEventListener("abort", giveUp, { once: true });
    try {
      await this.start.promise;
    } finally {
      signal.removeEventListener("abort", giveUp);
    }
    this.phase = "running";
    void this.play();
  }

  /** For the executor: KILL, whatever the plan says. Resolves when the task has ended. */
  async end(): Promise<void> {
    if (this.phase !== "running") return;
    this.killed = true;
    this.stopReading.abort();
    this.settle({ signal: "SIGKILL" });
  }

  private async play(): Promise<void> {
    const { says = [], endless, exit } = this.plan;
    await this.sayAll(says);
    while (endless !== undefined && this.runs && !this.killed) {
      await this.say("stdout", endless);
      await setImmediate();
    }
    if (exit && !this.killed) await this.finish(exit);
  }

  private async sayAll(sayings: readonly FakeSaying[]): Promise<void> {
    await Promise.all(sayings.map((saying) => this.say(...saying)));
  }

  private term(): void {
    const { onTerm = "dies" } = this.plan;
    if (onTerm === "ignores") return;
    if (onTerm === "dies") {
      this.killed = true;
      void this.finish({ signal: "SIGTERM" });
    } else {
      void this.sayAll(onTerm.says ?? []).then(() => this.finish(onTerm.exit));
    }
  }

  private kill(): void {
    if (this.plan.unkillable) return;
    this.killed = true;
    void this.finish({ signal: "SIGKILL" });
  }

  private settle(exit: TaskExit): void {
    if (this.phase === "ended") return;
    this.phase = "ended";
    clearTimeout(this.killTimer);
    if (this.plan.waitRejects) this.over.reject(this.plan.waitRejects);
    else this.over.resolve(exit);
  }
}
