import type { ComputeClient } from "../sdk/client.ts";
import { ComputeError } from "../sdk/errors.ts";
import type { Assignment } from "../shared/node.ts";
import { AgentError, type AgentLog, textOf } from "./agent-log.ts";
import { Connection } from "./connection.ts";
import { AgentControl } from "./control/agent-control.ts";
import { listenForControl } from "./control/control-socket.ts";
import type { StopHow } from "./control/protocol.ts";
import { Settings } from "./control/settings.ts";
import { gpusForJob } from "./detectors/gpu.ts";
import { grantsOf } from "./executors/all.ts";
import { allowedEnvironment } from "./executors/environment.ts";
import type { Environment } from "./executors/executor.ts";
import { acquireLock } from "./journal/lock.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { Condition } from "./loops/condition.ts";
import { HeartbeatLoop } from "./loops/heartbeat.ts";
import { PollLoop } from "./loops/poll.ts";
import { Reporter } from "./loops/reporter.ts";
import { Upkeep } from "./loops/upkeep.ts";
import { NodeSession } from "./node-session.ts";
import { type NodeProfile, type ProfileSource, profileInWords } from "./profile.ts";
import { ServerClock } from "./server-clock.ts";
import { openStateDir, type StateDir } from "./state-dir.ts";
import { factsOf, type StartOrder } from "./supervisor/protocol.ts";
import { Supervisors } from "./supervisor/supervisors.ts";
import { KeepAwake } from "./suspend/keep-awake.ts";
import { taskLimits } from "./task-limits.ts";
import { Worker } from "./worker.ts";

export interface AgentOptions {
  /** For the signed-in user: registers the node. */
  client: ComputeClient;
  createNodeClient(nodeKey: string): ComputeClient;
  /** Kept between runs; one agent at a time. */
  stateDir: string;
  profile: NodeProfile;
  /** Where the profile is read anew while the agent runs; absent: it stays as it is. */
  profileSource?: ProfileSource;
  /** Takes no more than so many jobs, and stops when they are over. */
  maxJobs?: number;
  /** Stops when nothing has run for so long. */
  idleExitSeconds?: number;
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

/** What an agent leaves to the next one of its directory. */
export interface AgentEnd {
  /** Jobs that run on. */
  running: number;
  /** Executions that are over, but not all of which the server has. */
  undelivered: number;
}

/** How long a stopping agent tries to hand over what it has to say before it leaves it to the next run. */
const HAND_OVER_MS = 10_000;
/** The same for one that was told twice. */
const HASTY_HAND_OVER_MS = 1_000;
/** Whatever settles something rings; nobody rings when nothing comes. */
const SETTLE_CHECK_MS = 60_000;
const IDLE_EXIT_CHECK_MS = 1_000;

/** Runs jobs until told to stop. Resolves when stopped cleanly; throws AgentError when it cannot go on. */
export async function runAgent(options: AgentOptions): Promise<AgentEnd> {
  const dirs = openStateDir(options.stateDir);
  const releaseLock = acquireLock(dirs.lock);
  try {
    const agent = new Agent(options, dirs);
    const stopListening = listenForControl(
      dirs.control,
      (request) => agent.control.answer(request),
      options.log,
    );
    try {
      return await agent.run();
    } finally {
      stopListening();
    }
  } finally {
    releaseLock();
  }
}

/** Puts the parts together and sees them through start, work, drain and end. */
class Agent {
  readonly control: AgentControl;
  private readonly options: AgentOptions;
  private readonly connection: Connection;
  private readonly clock = new ServerClock();
  private readonly condition = new Condition();
  private readonly reporter = new Reporter();
  private readonly shipper = new LogShipper();
  private readonly worker: Worker;
  private readonly supervisors: Supervisors;
  private readonly session: NodeSession;
  private readonly heartbeat: HeartbeatLoop;
  private readonly poll: PollLoop;
  private readonly upkeep: Upkeep;
  private readonly settings: Settings;
  /** What the owner said by a command, as the signals in the options say it. */
  private readonly told = {
    drain: new AbortController(),
    cancel: new AbortController(),
    leave: new AbortController(),
  };
  private readonly stop: AbortSignal;
  private readonly cancelAll: AbortSignal;
  private readonly leave: AbortSignal;
  /** Why no new job is taken though nobody said so. */
  private endsBecause: string | undefined;
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
    this.stop = AbortSignal.any([options.stop, this.told.drain.signal, this.told.cancel.signal]);
    this.cancelAll = AbortSignal.any([options.cancelAll, this.told.cancel.signal]);
    this.leave = AbortSignal.any([options.leave, this.told.leave.signal]);
    this.connection = new Connection(log);
    this.supervisors = new Supervisors(
      {
        ...{ root: dirs.supervisors, ...options.supervisor, agentId: dirs.agentId, environment, log },
        grants: () => grantsOf(this.settings.profile.file, environment),
      },
      {
        onNews: (news) => this.worker.onNews(news),
        onLost: (executionIds) => this.worker.onLost(executionIds),
        onFailure: (error) => this.drainBecause(error),
      },
    );
    this.worker = new Worker({
      slots: profile.description.capacity.slots,
      maxJobs: options.maxJobs,
      place: {
        start: (assignment) => {
          const order = this.startOrder(assignment);
          this.supervisors.start(order);
          return factsOf(order);
        },
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
    this.session = new NodeSession({
      userClient: options.client,
      createNodeClient: options.createNodeClient,
      nodeFilePath: dirs.nodeFile,
      description: profile.description,
      connection: this.connection,
      executions: this.worker,
      log,
    });
    this.settings = new Settings({
      profile,
      source: options.profileSource,
      log,
      apply: (profile, signal) => this.announce(profile, signal),
    });
    this.control = new AgentControl({
      serverUrl: options.client.url,
      session: this.session,
      connection: this.connection,
      worker: this.worker,
      supervisors: this.supervisors,
      settings: this.settings,
      ending: () => this.whyEnding(),
      condition: () => this.condition.value,
      end: (how) => this.endAsTold(how),
    });
    this.jobEnvironment = allowedEnvironment(environment);
    const { worker, clock, condition, connection, supervisors } = this;
    this.poll = new PollLoop(worker, clock, condition);
    const onSessionEnded = (error: Error) => this.drainBecause(error);
    this.heartbeat = new HeartbeatLoop({ worker, clock, condition, onSessionEnded });
    this.upkeep = new Upkeep({
      ...{ stateDir: options.stateDir, care: profile.file, worker, clock, condition, connection, log },
      keepAwake: new KeepAwake({ environment, log }),
      rest: () => supervisors.rest(),
      hurry: () => this.hurry(),
    });
  }

  async run(): Promise<AgentEnd> {
    const { log } = this.options;
    this.worker.resume(await this.supervisors.open());
    if (this.worker.running > 0)
      log.info(`${this.worker.running} jobs ran on without the agent; taken up again.`);
    this.settings.setEnforcedBy(this.supervisors.enforcedBy("COMMAND"));
    log.info(profileInWords(this.settings.profile));
    try {
      this.supervisors.listen();
      if (await this.register()) await this.work();
    } finally {
      await this.supervisors.close();
    }
    const { running, unsent } = this.worker;
    if (running > 0) log.info(`Leaving; ${running} jobs run on, and the next start takes them up.`);
    if (unsent > 0)
      log.warn(`The results of ${unsent} executions could not be sent; the next start sends them.`);
    if (this.failure && !this.stop.aborted) throw this.failure;
    return { running, undelivered: unsent };
  }

  /** false: told to stop before the server answered. */
  private async register(): Promise<boolean> {
    const either = AbortSignal.any([this.stop, this.leave]);
    try {
      await this.session.announce(this.settings.profile.description, either);
      return true;
    } catch (error) {
      if (either.aborted) return false;
      throw error instanceof AgentError ? error : new AgentError(registerFailed(error), { cause: error });
    }
  }

  private startOrder(assignment: Assignment): StartOrder {
    const { file, gpus } = this.settings.profile;
    return {
      assignment,
      nodeId: this.session.nodeId,
      limits: taskLimits(file.limits, assignment.resources),
      gpus: gpusForJob(gpus, assignment.gpuIndexes),
      environment: this.jobEnvironment,
    };
  }

  /** Jobs begun from now on are held to the new limits in any case; this is for the server. */
  private async announce({ description, file }: NodeProfile, signal: AbortSignal): Promise<void> {
    this.upkeep.configure(file);
    this.supervisors.grantsChanged();
    await this.session.announce(description, signal);
    this.worker.slots = description.capacity.slots;
  }

  private hurry(): void {
    this.connection.hurry();
    this.heartbeat.now();
    this.poll.again();
  }

  private endAsTold(how: StopHow): void {
    this.options.log.info(`Told by its owner to stop: ${stopInWords[how]}`);
    this.told[how].abort();
  }

  private whyEnding(): string | undefined {
    if (this.leave.aborted) return stopInWords.leave;
    if (this.cancelAll.aborted) return stopInWords.cancel;
    if (this.stop.aborted) return stopInWords.drain;
    if (this.failure) return this.failure.message;
    if (this.endsBecause) return this.endsBecause;
    return this.worker.isDraining ? "It has taken as many jobs as it was to take." : undefined;
  }

  private async work(): Promise<void> {
    const { stop, cancelAll, leave } = this;
    const { log } = this.options;
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
  }

  private startLoops(): Promise<void>[] {
    const { session, worker } = this;
    const { log } = this.options;
    const { signal } = this.over;
    const undeliverable = () => this.undeliverable.abort();
    return [
      this.guard(this.heartbeat.run(session, signal)),
      this.guard(this.poll.run(session, signal)),
      this.guard(this.upkeep.run(session, signal)),
      this.guard(this.reporter.run(session, worker, log, signal), undeliverable),
      this.guard(this.shipper.run(session, worker, log, signal), undeliverable),
      this.guard(this.settings.run(signal)),
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

  private endIfIdle(): void {
    const { worker } = this;
    const { idleExitSeconds = Number.POSITIVE_INFINITY, log } = this.options;
    if (worker.isDraining || worker.idleMs < idleExitSeconds * 1_000) return;
    this.endsBecause = `No job came for ${idleExitSeconds} s.`;
    log.info(this.endsBecause);
    worker.drain();
  }

  /** Resolves when there is nothing left to do: draining, nothing runs, and all is handed over or cannot be. */
  private async untilSettled(): Promise<void> {
    const { worker, leave, cancelAll } = this;
    while (!worker.isDraining || (worker.running > 0 && !leave.aborted)) {
      const checkMs = this.options.idleExitSeconds === undefined ? SETTLE_CHECK_MS : IDLE_EXIT_CHECK_MS;
      await worker.settled.wait(this.over.signal, checkMs);
      this.endIfIdle();
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

const stopInWords: Record<StopHow, string> = {
  drain: "It takes no new job, and ends when what runs has ended.",
  leave: "It ends at once, and what runs goes on.",
  cancel: "What runs is cancelled, and then it ends.",
};

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
