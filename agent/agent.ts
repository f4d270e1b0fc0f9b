import { join } from "node:path";
import type { ComputeClient } from "../sdk/client.ts";
import { ComputeError } from "../sdk/errors.ts";
import type { JobType } from "../shared/manifest.ts";
import type { NodeDescription } from "../shared/node.ts";
import { AgentError, type AgentLog, textOf } from "./agent-log.ts";
import { Connection } from "./connection.ts";
import { removeDirectory } from "./execution-run.ts";
import { allowedEnvironment } from "./executors/environment.ts";
import type { Executor } from "./executors/executor.ts";
import { ShellExecutor } from "./executors/shell.ts";
import { acquireLock } from "./journal/lock.ts";
import { Outbox, type OutboxEntry } from "./journal/outbox.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { executionsWithSegments, Segments } from "./logs/segments.ts";
import { spoolRoom } from "./logs/spool.ts";
import { heartbeatLoop } from "./loops/heartbeat.ts";
import { PollLoop } from "./loops/poll.ts";
import { Reporter } from "./loops/reporter.ts";
import { NodeSession } from "./node-session.ts";
import { ServerClock } from "./server-clock.ts";
import { leftWork, openStateDir, type StateDir } from "./state-dir.ts";
import { Worker } from "./worker.ts";

export interface AgentOptions {
  /** For the signed-in user: registers the node. */
  client: ComputeClient;
  createNodeClient(nodeKey: string): ComputeClient;
  /** Kept between runs; one agent at a time. */
  stateDir: string;
  description: NodeDescription;
  /** The agent's own environment, of which jobs see an allowed part; the process's where it is left out. */
  environment?: Readonly<Record<string, string | undefined>>;
  log: AgentLog;
  /** Drain: take no new job, finish what runs, report, return. */
  stop: AbortSignal;
  /** Cancel what runs, report, return. */
  cancelAll: AbortSignal;
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
  private readonly dirs: StateDir;
  private readonly executor: Executor;
  private readonly outbox: Outbox;
  private readonly connection: Connection;
  private readonly clock = new ServerClock();
  private readonly reporter = new Reporter();
  private readonly shipper = new LogShipper();
  private readonly worker: Worker;
  private readonly session: NodeSession;
  /** Ends the loops; everything has been handed over, or will be by the next run. */
  private readonly over = new AbortController();
  /** Fires when nothing can be handed over any more. */
  private readonly undeliverable = new AbortController();
  /** What makes it impossible to go on. */
  private failure: Error | undefined;

  constructor(options: AgentOptions, dirs: StateDir) {
    const { log, description } = options;
    this.options = options;
    this.dirs = dirs;
    this.executor = new ShellExecutor();
    this.outbox = new Outbox(dirs.outbox);
    this.connection = new Connection(log);
    this.worker = new Worker({
      slots: description.capacity.slots,
      workRoot: dirs.work,
      environment: allowedEnvironment(options.environment ?? process.env),
      executors: new Map<JobType, Executor>([[this.executor.jobType, this.executor]]),
      spoolRoom: spoolRoom(dirs.spool),
      outbox: this.outbox,
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
        description,
        connection: this.connection,
        log,
      },
      () => this.worker.held(),
    );
  }

  async run(): Promise<void> {
    const { stop, log } = this.options;
    const probe = await this.executor.probe();
    if (!probe.available) throw new AgentError(`This machine cannot run jobs. ${probe.why}`);
    const entries = this.outbox.load(log);
    await this.clearLeftovers(entries);
    this.worker.resume(entries);
    try {
      await this.session.register(stop);
    } catch (error) {
      if (stop.aborted) return;
      throw error instanceof AgentError ? error : new AgentError(registerFailed(error), { cause: error });
    }
    try {
      await this.work();
    } finally {
      await this.executor.close();
    }
    if (this.failure) throw this.failure;
  }

  private async work(): Promise<void> {
    const { stop, cancelAll, log } = this.options;
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
    await this.untilSettled();
    this.over.abort();
    await loops;
    this.worker.keepForNextRun();
    const left = this.worker.held().length;
    if (left > 0) log.warn(`The results of ${left} executions could not be sent; the next start sends them.`);
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
    while (!worker.isDraining || worker.running > 0) {
      await worker.settled.wait(this.over.signal, SETTLE_CHECK_MS);
    }
    const startMs = performance.now();
    const { signal } = this.undeliverable;
    while (worker.held().length > 0 && !signal.aborted) {
      const limitMs = this.options.cancelAll.aborted ? HASTY_HAND_OVER_MS : HAND_OVER_MS;
      const leftMs = startMs + limitMs - performance.now();
      if (leftMs <= 0) return;
      await worker.settled.wait(signal, leftMs);
    }
  }

  /** Ends and removes what an earlier run left of executions, except what is still to be sent. */
  private async clearLeftovers(entries: readonly OutboxEntry[]): Promise<void> {
    const { work, spool } = this.dirs;
    const kept = new Set(entries.map((entry) => entry.executionId));
    const left = leftWork(work);
    await this.executor.recover(left);
    for (const name of left) {
      await removeDirectory(join(work, name)).catch((error) =>
        this.options.log.warn(`Cannot remove what a job left in ${join(work, name)}: ${textOf(error)}`),
      );
    }
    for (const name of executionsWithSegments(spool)) {
      if (!kept.has(name)) new Segments(spool, name).remove();
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
