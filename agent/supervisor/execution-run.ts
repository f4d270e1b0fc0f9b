import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { MAX_TIMER_MS } from "../../shared/wait.ts";
import {
  type EventsFile,
  type Executor,
  type RunningTask,
  StartFailedError,
  type TaskExit,
} from "../executors/port/executor.ts";
import type { ExceededLimit, TaskSample } from "../limits/limits.ts";
import type { ExecutionLog } from "../logs/execution-log.ts";
import type { SecretMask } from "../masking/secret-mask.ts";
import { JobDirectory } from "./job-directory.ts";
import { JobFiles, type LeftByJob } from "./job-files.ts";
import { masked, variablesOf, workflowOf } from "./job-secrets.ts";
import { keepDirectory } from "./kept-directories.ts";
import type { Found, RunEnd, StartOrder, WaitingOutputs } from "./protocol.ts";

export interface ExecutionRunParts {
  order: StartOrder;
  /** Why the job must not start here now; absent: it may. */
  refusal?: string | undefined;
  /** Keeps the job's secrets out of its end; absent: it has none. */
  mask?: SecretMask | undefined;
  /** undefined: this node has no executor for the job's type. */
  executor: Executor | undefined;
  /** The directory in which the execution gets its own. */
  workRoot: string;
  output: ExecutionLog;
  log: Logger;
  /** Called when the command has started. `events`: where it writes its events. */
  onStarted(events: EventsFile | undefined): void;
  /** A blob of the job's files is damaged or missing in the cache; `found` must follow. */
  onLost(sha256: string): void;
}

export interface RunOver {
  end: RunEnd;
  /** The directory stays, with outputs to collect, until `remove`. */
  outputs?: WaitingOutputs | undefined;
  /** The same for the events that it wrote. */
  events?: EventsFile | undefined;
}

type Undo = () => Promise<void> | void;
type Step = () => Promise<Undo> | Undo;

const MAX_MESSAGE_LENGTH = 4_000;

/**
 * Runs one execution, from creating its directory to its end. Each step returns how to undo it; every step is undone, except
 * that the directory stays while outputs or events in it wait.
 */
export class ExecutionRun {
  /** Resolves when only the output of the execution is left. Never rejects. */
  readonly over: Promise<RunOver>;
  private directory: JobDirectory | undefined;
  private files: JobFiles | undefined;
  /** Outputs or events wait in the directory. */
  private isWaiting = false;
  /** The directory stays for somebody who wants to look at it. */
  private isKept = false;
  private readonly ended = Promise.withResolvers<RunOver>();
  private task: RunningTask | undefined;
  /** Why we ended it, if we did. The first cause counts. */
  private endedBy: "cancel" | "timeout" | "kill" | "supervisor" | undefined;
  /** Ends a start that is under way. */
  private readonly starting = new AbortController();
  private deadlineTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly parts: ExecutionRunParts) {
    this.over = this.ended.promise;
  }

  /** Must be called once. */
  async begin(): Promise<void> {
    const undos: Undo[] = [];
    let end: RunEnd;
    try {
      const steps: Step[] = [this.prepareDirectory, this.placeFiles, this.startCommand, this.watchTime];
      for (const step of steps) {
        if (this.endedBy) break;
        undos.push(await step.call(this));
      }
      end = this.verdict((await this.task?.wait()) ?? {});
      if (this.task && end.status === "FAILED") this.keepIfAsked();
    } catch (error) {
      end = this.startFailure(error);
    }
    const { outputs, ...left } = await this.collect();
    const events = this.endedBy === "kill" ? undefined : this.task?.events;
    this.isWaiting = outputs !== undefined || events !== undefined;
    for (const undo of undos.reverse()) await this.undo(undo);
    this.parts.output.end();
    this.ended.resolve({ end: masked({ ...end, ...left }, this.parts.mask), outputs, events });
  }

  /** The cache has everything that the job needs; or it cannot have it, and why. */
  found(found: Found): void {
    this.files?.found(found);
  }

  /** What its command uses now; undefined: that is not known, or it does not run. */
  sample(): TaskSample | undefined {
    return this.task?.sample();
  }

  /** TERM, the job's grace, KILL. */
  cancel(): void {
    this.end("cancel", "The job is being cancelled");
    this.parts.output.hurry();
  }

  /** Kills it immediately, without a report. */
  kill(): void {
    this.endNow("kill");
  }

  /** Kills it because this process ends. Nobody asked for that, so the job may be retried. */
  endWithSupervisor(): void {
    this.endNow("supervisor");
  }

  private endNow(cause: "kill" | "supervisor"): void {
    this.endedBy ??= cause;
    this.starting.abort();
    this.task?.stop(0);
  }

  private prepareDirectory(): Undo {
    const { workRoot, order, output, onLost } = this.parts;
    const { account, assignment } = order;
    const { type } = assignment.manifest;
    const directory = JobDirectory.make(workRoot, assignment.executionId, { account, type });
    this.directory = directory;
    this.files = new JobFiles({ order, directory, say: (text) => output.system(text), lost: onLost });
    return () => (this.isWaiting || this.isKept ? undefined : directory.remove());
  }

  private async placeFiles(): Promise<Undo> {
    await this.files?.place(this.starting.signal);
    this.directory?.handOver();
    return () => {};
  }

  private keepIfAsked(): void {
    const { order, workRoot, output } = this.parts;
    const { manifest, executionId } = order.assignment;
    if (!manifest.workflow?.keepOnFailure) return;
    const until = new Date(keepDirectory(workRoot, executionId)).toISOString();
    this.isKept = true;
    output.system(`Its directory stays on this node until ${until}: ${this.directory?.path}`);
  }

  /** What the job left. Nothing of a job that never started, or that nobody asks about any more. */
  private async collect(): Promise<LeftByJob> {
    if (!this.task || this.endedBy === "kill") return {};
    try {
      if (!this.isKept && (await this.files?.leftNothing(this.task))) return {};
      return this.files?.collect(this.task) ?? {};
    } catch (error) {
      const message = `its outputs could not be looked at: ${textOf(error)}`;
      return { outputProblems: [{ path: ".", message }] };
    }
  }

  private async startCommand(): Promise<Undo> {
    const { order, refusal, executor, output, onStarted, workRoot } = this.parts;
    if (refusal !== undefined) throw new StartFailedError(refusal);
    if (!executor) {
      const { type } = order.assignment.manifest;
      throw new StartFailedError(`This node has no executor for jobs of type ${type}.`);
    }
    const { signal } = this.starting;
    const dir = this.directory?.path ?? workRoot;
    const given = { ...variablesOf(order), workflow: workflowOf(order) };
    const task = await executor.start({ ...order, ...given, dir, output }, signal);
    this.task = task;
    onStarted(task.events);
    // It was ended while it started, when there was no task to stop.
    if (this.endedBy) task.stop(this.endedBy === "cancel" || this.endedBy === "timeout" ? this.graceMs : 0);
    return () => {};
  }

  private watchTime(): Undo {
    const { timeoutSeconds } = this.parts.order.assignment.manifest;
    if (timeoutSeconds === undefined) return () => {};
    const dueMs = performance.now() + timeoutSeconds * 1_000;
    const wait = () => {
      const leftMs = dueMs - performance.now();
      if (leftMs <= 0) return this.end("timeout", `The job reached its limit of ${timeoutSeconds} s`);
      this.deadlineTimer = setTimeout(wait, Math.min(leftMs, MAX_TIMER_MS));
    };
    wait();
    return () => clearTimeout(this.deadlineTimer);
  }

  private get graceMs(): number {
    return this.parts.order.assignment.manifest.graceSeconds * 1_000;
  }

  private end(cause: "cancel" | "timeout", what: string): void {
    if (this.endedBy) return;
    this.endedBy = cause;
    this.starting.abort();
    const { graceMs } = this;
    const { manifest } = this.parts.order.assignment;
    const stopSignal = this.task?.stopSignal ?? manifest.stopSignal ?? "SIGTERM";
    const ladder = graceMs > 0 ? `${stopSignal} now, SIGKILL in ${graceMs / 1_000} s` : "SIGKILL now";
    this.parts.output.system(`${what}: ${ladder}.`);
    this.task?.stop(graceMs);
  }

  private verdict({ exceeded, lost, message: why, cancelled, ...exit }: TaskExit): RunEnd {
    const usage = this.task?.usage();
    const end = { ...exit, ...usage };
    if (this.endedBy === "cancel" || this.endedBy === "kill") return { status: "CANCELLED", ...end };
    if (exceeded) {
      const message = exceededMessage(exceeded);
      this.parts.output.system(message);
      return { status: "FAILED", reason: "ResourceExceeded", message, ...end };
    }
    if (lost !== undefined) return { status: "FAILED", reason: "AgentRestarted", message: lost, ...end };
    // A command that was over by itself before the kill has its own result.
    if (this.endedBy === "supervisor" && exit.exitCode !== 0) return { ...endedWithSupervisor, ...end };
    if (this.endedBy === "timeout") {
      const { timeoutSeconds } = this.parts.order.assignment.manifest;
      const message = `The command ran longer than its limit of ${timeoutSeconds} s.`;
      return { status: "FAILED", reason: "Timeout", message, ...end };
    }
    if (exit.exitCode === 0) return { status: "SUCCEEDED", ...end };
    const status = cancelled ? "CANCELLED" : "FAILED";
    return { status, ...(why === undefined ? {} : { message: why }), ...end };
  }

  private startFailure(error: unknown): RunEnd {
    if (this.endedBy === "supervisor") return endedWithSupervisor;
    if (this.endedBy) return { status: "CANCELLED" };
    const known = error instanceof StartFailedError;
    if (!known) this.parts.log.error(`${this.parts.order.assignment.executionId}: ${textOf(error)}`);
    const message = known ? error.message : `The node could not prepare the job: ${textOf(error)}`;
    return { status: "FAILED", reason: "StartFailed", message: message.slice(0, MAX_MESSAGE_LENGTH) };
  }

  private async undo(undo: Undo): Promise<void> {
    try {
      await undo();
    } catch (error) {
      this.parts.log.warn(`Cleaning up after a job failed: ${textOf(error)}`, {
        executionId: this.parts.order.assignment.executionId,
      });
    }
  }
}

const endedWithSupervisor: RunEnd = {
  status: "FAILED",
  reason: "AgentRestarted",
  message:
    "The part of the agent that held the job was told to end, for example because the machine shut down.",
};

/** Names the limit, its value, and the job's peak. */
function exceededMessage({ limit, allowed, peak }: ExceededLimit): string {
  const what = { memoryMb: "memory", pids: "process" }[limit];
  const unit = limit === "memoryMb" ? " MiB" : "";
  const seen = peak === undefined ? "" : `; its peak was ${Math.round(peak * 10) / 10}${unit}`;
  return `The job exceeded its ${what} limit: ${limit} is ${allowed}${unit}${seen}.`;
}
