import type { ComputeClient } from "../sdk/client.ts";
import { ComputeError } from "../sdk/errors.ts";
import type { Assignment, NodeDescription } from "../shared/node.ts";
import { AgentError, type AgentLog, textOf } from "./agent-log.ts";
import { Connection } from "./connection.ts";
import { allowedEnvironment, type Environment } from "./executors/environment.ts";
import type { TaskGpu, TaskLimits } from "./executors/executor.ts";
import { acquireLock } from "./journal/lock.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { heartbeatLoop } from "./loops/heartbeat.ts";
import { PollLoop } from "./loops/poll.ts";
import { Reporter } from "./loops/reporter.ts";
import { NodeSession } from "./node-session.ts";
import { ServerClock } from "./server-clock.ts";
import { openStateDir, type StateDir } from "./state-dir.ts";
import type { StartOrder } from "./supervisor/protocol.ts";
import { Supervisors } from "./supervisor/supervisors.ts";
import { taskLimits } from "./task-limits.ts";
import { Worker } from "./worker.ts";

export interface AgentOptions {
  /** For the signed-in user: registers the node. */
  client: ComputeClient;
  createNodeClient(nodeKey: string): ComputeClient;
  /** Kept between runs; one agent at a time. */
  stateDir: string;
  profile: NodeProfile;
  /** How the process is started that holds the jobs, and which build of the program it is. */
  supervisor: { command: readonly string[]; build: string };
  /** The agent's own environment, of which jobs see an allowed part; the process's where it is left out. */
  environment?: Readonly<Record<string, string | undefined>>;
  log: AgentLog;
  /** Drain: take no new job, finish what runs, report, return. */
  stop: AbortSignal;
  /** Cancel what runs, report, return. */
  cancelAll: AbortSignal;
  /** Return soon, and leave what runs to the next agent of this directory. */
  leave: AbortSignal;
}

/** What the owner of the machine gives to jobs. */
export interface NodeProfile {
  description: NodeDescription;
  /** Caps for each job. */
  limits: TaskLimits;
  /** By the index that the server knows them by. */
  gpus: readonly TaskGpu[];
}

/** How long a stopping agent tries to hand over what it has to say before it leaves it to the next run. */
const HAND_OVER_MS = 10_000;
/** The same for one that was told twice. */
const HASTY_HAND_OVER_MS = 1_000;
const SETTLE_CHECK_MS = 1_000;

/** Runs jobs until told to stop. Resolves when stopped cleanly; throws AgentError when it cannot go on. */
export async function runAgent(options: AgentOptions): Promise<void> {
  const dirs = openStateDir(options.stateDir);
  const releaseLock = acquireLock(dirs.lock);
  try {
    await new Agent(options, dirs).run();
  } finally {
    releaseLock();
  }
}

/** Puts the parts together and sees them through start, work, drain and end. */
class Agent {
  private readonly options: AgentOptions;
  private readonly connection: Connection;
  private readonly clock = new ServerClock();
  private readonly reporter = new Reporter();
  private readonly shipper = new LogShipper();
  private readonly worker: Worker;
  private readonly supervisors: Supervisors;
  private readonly session: NodeSession;
  /** What every job sees of the agent's own. */
  private readonly jobEnvironment: Environment;
  /** Ends the loops; everything has been handed over, or will be by the next run. */
  private readonly over = new AbortController();
  /** Fires when nothing can be handed over any more. */
  private readonly undeliverable = new AbortController();
  /** What makes it impossible to go on. */
  private failure: Error | undefined;

  constructor(options: AgentOptions, dirs: StateDir) {
    const { log, profile, environment = process.env } = options;
    this.options = options;
    this.connection = new Connection(log);
    this.supervisors = new Supervisors(
      { root: dirs.supervisors, ...options.supervisor, agentId: dirs.agentId, environment, log },
      {
        onNews: (news) => this.worker.onNews(news),
        onLost: (executionIds) => this.worker.onLost(executionIds),
        onFailure: (error) => this.drainBecause(error),
      },
    );
    this.worker = new Worker({
      slots: profile.description.capacity.slots,
      place: {
        start: (assignment) => this.supervisors.start(this.startOrder(assignment)),
        tell: (executionId, type) => this.supervisors.tell(executionId, type),
        stored: (executionId, seq) => this.supervisors.stored(executionId, seq),
        serverIs: (state) => this.supervisors.serverIs(state),
      },
      reporter: this.reporter,
      shipper: this.shipper,
      clock: this.clock,
      log,
    });
    this.connection.listener = this.worker;
    this.session = new NodeSession(
      {
        userClient: options.client,
        createNodeClient: options.createNodeClient,
        nodeFilePath: dirs.nodeFile,
        description: profile.description,
        connection: this.connection,
        log,
      },
      () => this.worker.held(),
    );
    this.jobEnvironment = allowedEnvironment(environment);
  }

  async run(): Promise<void> {
    const { stop, log } = this.options;
    this.worker.resume(await this.supervisors.open());
    if (this.worker.running > 0)
      log.info(`${this.worker.running} jobs ran on without the agent; taken up again.`);
    try {
      this.supervisors.listen();
      if (await this.register()) await this.work();
    } finally {
      await this.supervisors.close();
    }
    if (this.failure && !stop.aborted) throw this.failure;
  }

  /** false: told to stop before the server answered. */
  private async register(): Promise<boolean> {
    const { stop, leave } = this.options;
    const either = AbortSignal.any([stop, leave]);
    try {
      await this.session.register(either);
      return true;
    } catch (error) {
      if (either.aborted) return false;
      throw error instanceof AgentError ? error : new AgentError(registerFailed(error), { cause: error });
    }
  }

  private startOrder(assignment: Assignment): StartOrder {
    const { limits, gpus } = this.options.profile;
    return {
      assignment,
      nodeId: this.session.nodeId,
      limits: taskLimits(limits, assignment.resources),
      gpus: gpus.filter((gpu) => assignment.gpuIndexes.includes(gpu.index)),
      environment: this.jobEnvironment,
    };
  }

  private async work(): Promise<void> {
    const { stop, cancelAll, leave, log } = this.options;
    const drain = () => {
      if (this.worker.running > 0) log.info(`Taking no new jobs; ${this.worker.running} still run.`);
      this.worker.drain();
    };
    const cancel = () => {
      this.worker.drain();
      this.worker.cancelAll();
    };
    const loops = Promise.all(this.startLoops());
    onAbort(stop, drain, this.over.signal);
    onAbort(cancelAll, cancel, this.over.signal);
    onAbort(leave, () => this.worker.drain(), this.over.signal);
    await this.untilSettled();
    this.over.abort();
    await loops;
    const { running } = this.worker;
    const { unsent } = this.worker;
    if (running > 0) log.info(`Leaving; ${running} jobs run on, and the next start takes them up.`);
    if (unsent > 0)
      log.warn(`The results of ${unsent} executions could not be sent; the next start sends them.`);
  }

  private startLoops(): Promise<void>[] {
    const { session, worker, clock } = this;
    const { log } = this.options;
    const { signal } = this.over;
    const poll = new PollLoop(worker, clock);
    const undeliverable = () => this.undeliverable.abort();
    return [
      this.guard(heartbeatLoop(session, worker, clock, (error) => this.drainBecause(error), signal)),
      this.guard(poll.run(session, signal)),
      this.guard(this.reporter.run(session, worker, log, signal), undeliverable),
      this.guard(this.shipper.run(session, worker, log, signal), undeliverable),
    ];
  }

  /** A loop that cannot go on does not take the jobs with it: they finish, and what can be reported is. */
  private async guard(loop: Promise<void>, onFailure?: () => void): Promise<void> {
    try {
      await loop;
    } catch (error) {
      if (this.over.signal.aborted) return;
      const known = error instanceof AgentError;
      this.drainBecause(
        known ? error : new AgentError(`The agent failed: ${textOf(error)}`, { cause: error }),
      );
      onFailure?.();
    }
  }

  private drainBecause(failure: Error): void {
    const { worker } = this;
    if (this.failure === undefined) {
      this.failure = failure;
      this.options.log.error(failure.message);
      if (worker.running > 0) this.options.log.info(`Taking no new jobs; ${worker.running} still run.`);
    }
    worker.drain();
  }

  /** Resolves when there is nothing left to do: draining, nothing runs, and all is handed over or cannot be. */
  private async untilSettled(): Promise<void> {
    const { worker } = this;
    const { leave, cancelAll } = this.options;
    while (!worker.isDraining || (worker.running > 0 && !leave.aborted)) {
      await worker.settled.wait(this.over.signal, SETTLE_CHECK_MS);
    }
    const startMs = performance.now();
    const { signal } = this.undeliverable;
    while (worker.unsent > 0 && !signal.aborted) {
      const isHasty = cancelAll.aborted || leave.aborted;
      const leftMs = startMs + (isHasty ? HASTY_HAND_OVER_MS : HAND_OVER_MS) - performance.now();
      if (leftMs <= 0) return;
      await worker.settled.wait(signal, leftMs);
    }
  }
}

function registerFailed(error: unknown): string {
  // Reading the sign-in may fail before the server is asked.
  const what = error instanceof ComputeError ? "The server refuses this node" : "This node cannot register";
  return `${what}: ${textOf(error)}`;
}

/** Calls `listener` when `signal` fires, or now if it has; no longer once `until` has fired. */
function onAbort(signal: AbortSignal, listener: () => void, until: AbortSignal): void {
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true, signal: until });
}
