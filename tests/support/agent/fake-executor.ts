import {
  type Executor,
  type Probe,
  type RunningTask,
  StartFailedError,
  type Task,
} from "../../../agent/executors/port/executor.ts";
import type { LimitEnforcement } from "../../../agent/limits/limit-enforcer.ts";
import type { JobType } from "../../../shared/job-fields.ts";
import { type FakePlan, FakeTask } from "./fake-task.ts";

/** How long `started` waits for a start. */
const STARTED_LIMIT_MS = 10_000;

export interface FakeExecutorOptions {
  jobType?: JobType;
}

/**
 * An executor that plays its jobs, with a switch for every failure. Without a switch it keeps the port's promises. It
 * is strict with its caller: starting an execution twice, or closing while a task runs, is an error.
 *
 *     const fake = new FakeExecutor();
 *     fake.next({ says: [["stdout", "hello\n"]], onTerm: "ignores" });
 *     …                                            // the code under test starts an execution
 *     const task = await fake.started(executionId);
 *     task.say("stderr", "oh\n");
 *     task.finish({ exitCode: 3 });
 */
export class FakeExecutor implements Executor {
  readonly jobType: JobType;
  /** Why it cannot run anything: `probe` reports it, and `start` fails with it. */
  unavailable: string | undefined;
  /** `probe` answers when this resolves, so a probe can be slow or hang. */
  probeAfter: Promise<unknown> | undefined;
  /** `recover` answers when this resolves, and rejects when this rejects. */
  recoverAfter: Promise<unknown> | undefined;
  /** `recover` rejects with this error and ends nothing. */
  recoverFails: Error | undefined;
  closeFails: Error | undefined;

  /** How often each was called, and with which arguments. */
  readonly calls = { probe: 0, close: 0, recover: [] as string[][] };

  private readonly own = new Set<FakeTask>();
  private readonly plans: FakePlan[] = [];
  private usual: FakePlan = {};
  private readonly listeners = new Set<() => void>();

  /**
   * @param played every execution that was started on the machine, including those whose start failed or hangs, and those
   *   that are over; only `successor` passes it.
   */
  constructor(
    private readonly options: FakeExecutorOptions = {},
    private readonly played = new Map<string, FakeTask>(),
  ) {
    this.jobType = options.jobType ?? "COMMAND";
  }

  get tasks(): ReadonlyMap<string, FakeTask> {
    return this.played;
  }

  /** Plans for the next starts, one each. */
  next(...plans: FakePlan[]): void {
    this.plans.push(...plans);
  }

  /** The plan of every start that `next` does not cover. */
  always(plan: FakePlan): void {
    this.usual = plan;
  }

  /** The task of this execution, once it runs. Without an id, the first task that was ever started. */
  async started(executionId?: string): Promise<FakeTask> {
    const limit = AbortSignal.timeout(STARTED_LIMIT_MS);
    for (;;) {
      const tasks = executionId === undefined ? [...this.own] : [this.played.get(executionId)];
      const found = tasks.find((task) => task?.runs);
      if (found) return found;
      if (limit.aborted) throw new Error(`${executionId ?? "no execution"} was not started`);
      await this.nextStart(limit);
    }
  }

  /**
   * The executor of the process that follows after this one died. Running tasks keep running, and only `recover` ends
   * them.
   */
  successor(): FakeExecutor {
    return new FakeExecutor(this.options, this.played);
  }

  enforcement(): LimitEnforcement {
    return { cpu: "none", memory: "none", pids: "none", enforcedBy: "nothing" };
  }

  async probe(): Promise<Probe> {
    this.calls.probe++;
    await this.probeAfter;
    return this.unavailable === undefined ? { available: true } : { available: false, why: this.unavailable };
  }

  async start(task: Task, signal: AbortSignal): Promise<RunningTask> {
    const { executionId } = task.assignment;
    if (this.played.has(executionId)) throw new Error(`${executionId} was started twice`);
    const plan = this.plans.shift() ?? this.usual;
    const fake = new FakeTask(task, plan);
    this.played.set(executionId, fake);
    if (this.unavailable !== undefined) throw new StartFailedError(this.unavailable);
    await fake.begin(signal);
    this.own.add(fake);
    for (const listener of [...this.listeners]) listener();
    return fake;
  }

  async recover(executionIds: readonly string[]): Promise<void> {
    this.calls.recover.push([...executionIds]);
    await this.recoverAfter;
    if (this.recoverFails) throw this.recoverFails;
    for (const executionId of executionIds) await this.played.get(executionId)?.end();
  }

  async close(): Promise<void> {
    this.calls.close++;
    const running = [...this.own].filter((task) => task.runs).map((task) => task.executionId);
    if (running.length > 0) throw new Error(`closed while ${running.join(", ")} still ran`);
    if (this.closeFails) throw this.closeFails;
  }

  private nextStart(limit: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        this.listeners.delete(done);
        limit.removeEventListener("abort", done);
        resolve();
      };
      this.listeners.add(done);
      limit.addEventListener("abort", done, { once: true });
    });
  }
}
