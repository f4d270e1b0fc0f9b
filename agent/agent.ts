import { hostname } from "node:os";
import type { ComputeClient } from "../sdk/client.ts";
import { ComputeError } from "../sdk/errors.ts";
import type { ServerProof } from "../sdk/server-proof.ts";
import { tanvritHome } from "../shared/config/home.ts";
import { counted } from "../shared/counted.ts";
import type { Logger } from "../shared/logger.ts";
import type { AgentRun, Assignment } from "../shared/node.ts";
import { socketPlace } from "../shared/sockets/socket-path.ts";
import { textOf } from "../shared/text-of.ts";
import { AgentControl } from "./control/agent-control.ts";
import { listenForControl } from "./control/control-socket.ts";
import { Ending, type EndSignals } from "./control/ending.ts";
import { engineAnswers } from "./detectors/docker.ts";
import { gpusForJob } from "./detectors/gpu.ts";
import { checkAllowed } from "./executors/check-allowed.ts";
import { AgentError } from "./process/agent-error.ts";
import type { Environment } from "./process/environment.ts";
import { allowedEnvironment } from "./process/environment.ts";
import { allowOf } from "./profile/agent-file.ts";
import { type NodeProfile, type ProfileSource, profileInWords } from "./profile/profile.ts";
import { Settings } from "./profile/settings.ts";
import { taskLimits } from "./profile/task-limits.ts";
import { Connection } from "./session/connection.ts";
import { NodeSession, NodeTakenError } from "./session/node-session.ts";
import { ServerClock } from "./session/server-clock.ts";
import { acquireLock, type HeldLock, type Holder, holderInWords, readLock } from "./state/lock.ts";
import { machineDigest, placeDigest } from "./state/machine.ts";
import { ownDirectory, setForeignAside } from "./state/origin.ts";
import { openStateDir, type StateDir } from "./state/state-dir.ts";
import { grantsOf } from "./supervisor/grants.ts";
import { factsOf, type StartOrder } from "./supervisor/protocol.ts";
import { Supervisors } from "./supervisor/supervisors.ts";
import { KeepAwake } from "./upkeep/keep-awake.ts";
import { MachineWatch } from "./upkeep/machine-watch.ts";
import { Upkeep } from "./upkeep/upkeep.ts";
import { Condition } from "./worker/condition.ts";
import { HeartbeatLoop } from "./worker/heartbeat.ts";
import { LogShipper } from "./worker/log-shipper.ts";
import { PollLoop } from "./worker/poll.ts";
import { Reporter } from "./worker/reporter.ts";
import { type ExecutionPlace, Worker } from "./worker/worker.ts";

export interface AgentOptions extends EndSignals {
  /** For the signed-in user: registers the node. */
  client: ComputeClient;
  /** What the clients ask before they send anything; see NodeSessionOptions. */
  proof?: ServerProof;
  /** Speaks as the node, and names this run of its agent in every call. */
  createNodeClient(nodeKey: string, runId: string): ComputeClient;
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
  /** The soft limit of open files that jobs get; absent: that of this process. */
  openFiles?: number | undefined;
  log: Logger;
}

/** What an agent leaves to the next one of its directory. */
export interface AgentEnd {
  /** Jobs that run on. */
  running: number;
  /** Executions that are over, but not all of which the server has. */
  undelivered: number;
}

/** Runs jobs until told to stop. Resolves when stopped cleanly; throws AgentError when it cannot go on. */
export async function runAgent(options: AgentOptions): Promise<AgentEnd> {
  let dirs = openStateDir(options.stateDir);
  const lock = acquireLock(dirs.lock);
  try {
    if (setForeignAside(options.stateDir, options.log) !== "own") dirs = openStateDir(options.stateDir);
    const agent = new Agent(options, dirs, lock);
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
    lock.release();
  }
}

/** Puts the parts together and sees them through start, work, drain and end. */
class Agent {
  readonly control: AgentControl;
  private readonly options: AgentOptions;
  private readonly lock: HeldLock;
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
  private readonly machineWatch: MachineWatch;
  private readonly settings: Settings;
  private readonly ending: Ending;
  /** What every job sees of the agent's own. */
  private readonly jobEnvironment: Environment;
  /** Ends the loops; everything has been handed over, or will be by the next run. */
  private readonly over = new AbortController();

  constructor(options: AgentOptions, dirs: StateDir, lock: HeldLock) {
    const { log, profile, environment = process.env } = options;
    this.options = options;
    this.lock = lock;
    this.connection = new Connection(log);
    this.supervisors = new Supervisors(
      {
        ...{ root: dirs.supervisors, ...options.supervisor, agentId: dirs.agentId, environment, log },
        grants: () =>
          grantsOf(this.settings.profile.file, environment, keptDirs(options.stateDir, environment)),
        ownsStateDir: () => lock.isOwn(),
      },
      {
        onNews: (news) => this.worker.onNews(news),
        onLost: (executionIds) => this.worker.onLost(executionIds),
        onFailure: (error) => this.ending.fail(error),
      },
    );
    this.worker = new Worker({
      slots: profile.description.capacity.slots,
      maxJobs: options.maxJobs,
      place: this.placeOfExecutions(),
      reporter: this.reporter,
      shipper: this.shipper,
      clock: this.clock,
      log,
    });
    this.connection.listener = this.worker;
    this.ending = new Ending({ ...options, worker: this.worker });
    this.session = new NodeSession({
      userClient: options.client,
      createNodeClient: options.createNodeClient,
      proof: options.proof,
      nodeFilePath: dirs.nodeFile,
      directory: ownDirectory(options.stateDir),
      run: newRun(options.stateDir),
      profile,
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
      ending: () => this.ending.why,
      condition: () => this.condition.value,
      end: (how) => this.ending.tell(how),
    });
    this.jobEnvironment = allowedEnvironment(environment);
    const { worker, clock, condition, connection, supervisors } = this;
    this.poll = new PollLoop(worker, clock, condition);
    const onSessionEnded = (error: Error) => this.ending.fail(error);
    this.heartbeat = new HeartbeatLoop({ worker, clock, condition, onSessionEnded });
    this.machineWatch = new MachineWatch({
      seen: () => this.settings.profile.seen,
      engineAnswers: (signal) => engineAnswers(environment, signal),
      isAsleep: () => condition.value.suspended,
      lookAgain: () => this.settings.readSoon("missing"),
    });
    this.upkeep = new Upkeep({
      ...{ stateDir: options.stateDir, care: profile.file, worker, clock, condition, connection, log },
      keepAwake: new KeepAwake({ environment, log }),
      rest: () => supervisors.rest(),
      hurry: () => this.hurry(),
      ownsStateDir: () => lock.isOwn(),
      onStateDirLost: () => this.stateDirLost(readLock(dirs.lock)),
    });
  }

  private placeOfExecutions(): ExecutionPlace {
    return {
      start: (assignment) => {
        const order = this.startOrder(assignment);
        this.supervisors.start(order);
        return factsOf(order);
      },
      tell: (executionId, type) => this.supervisors.tell(executionId, type),
      stored: (executionId, seq) => this.supervisors.stored(executionId, seq),
      serverIs: (state) => this.supervisors.serverIs(state),
    };
  }

  async run(): Promise<AgentEnd> {
    const { log } = this.options;
    this.worker.resume(await this.supervisors.open());
    if (this.worker.running > 0)
      log.info(`${counted(this.worker.running, "job")} ran on without the agent; taken up again.`);
    this.settings.setEnforcedBy(this.supervisors.enforcedBy("COMMAND"));
    log.info(profileInWords(this.settings.profile));
    try {
      this.supervisors.listen();
      if (await this.register()) await this.work();
      if (this.worker.running + this.worker.unsent === 0) await this.session.leave();
    } finally {
      await this.supervisors.close();
    }
    const { running, unsent } = this.worker;
    if (running > 0)
      log.info(`Leaving. Still running, for the next start to take up: ${counted(running, "job")}.`);
    if (unsent > 0) log.warn(`Results that could not be sent, and that the next start sends: ${unsent}.`);
    if (this.ending.error) throw this.ending.error;
    return { running, undelivered: unsent };
  }

  /** false: told to stop before the server answered. */
  private async register(): Promise<boolean> {
    const { beforeWork } = this.ending;
    try {
      await this.session.announce(this.settings.profile, beforeWork);
      return true;
    } catch (error) {
      if (beforeWork.aborted) return false;
      throw error instanceof AgentError ? error : new AgentError(registerFailed(error), { cause: error });
    }
  }

  private startOrder(assignment: Assignment): StartOrder {
    const { file, gpus, description, account } = this.settings.profile;
    checkAllowed(allowOf(file), assignment);
    const held = this.worker.runningExecutions().flatMap((one) => one.gpus ?? []);
    return {
      assignment,
      nodeId: this.session.nodeId,
      limits: taskLimits(file.limits, assignment.resources),
      gpus: gpusForJob(gpus, assignment.gpuIndexes, { held, offered: description.capacity.gpuCount }),
      environment: this.jobEnvironment,
      openFiles: this.options.openFiles,
      account,
    };
  }

  /** Jobs begun from now on are held to the new limits in any case; this is for the server. */
  private async announce(profile: NodeProfile, signal: AbortSignal): Promise<void> {
    const { description, file } = profile;
    this.upkeep.configure(file);
    this.supervisors.grantsChanged();
    await this.session.announce(profile, signal);
    this.worker.slots = description.capacity.slots;
  }

  private hurry(): void {
    this.connection.hurry();
    this.heartbeat.now();
    this.poll.again();
  }

  private async work(): Promise<void> {
    const loops = Promise.all(this.startLoops());
    this.ending.listen(this.over.signal);
    await this.ending.untilSettled(this.over.signal);
    this.over.abort();
    await loops;
  }

  private startLoops(): Promise<void>[] {
    const { session, worker } = this;
    const { log } = this.options;
    const { signal } = this.over;
    const undeliverable = () => this.ending.nothingCanBeHandedOver();
    return [
      this.guard(this.heartbeat.run(session, signal)),
      this.guard(this.poll.run(session, signal)),
      this.guard(this.upkeep.run(session, signal)),
      this.guard(this.reporter.run(session, worker, log, signal), undeliverable),
      this.guard(this.shipper.run(session, worker, log, signal), undeliverable),
      this.guard(this.settings.run(signal)),
      this.guard(this.machineWatch.run(signal)),
    ];
  }

  private stateDirLost(holder: Holder | undefined): void {
    const { stateDir } = this.options;
    if (!holder) this.ending.fail(new AgentError(removedUnder(stateDir)));
    else
      this.nodeTaken(
        new NodeTakenError(
          `Another agent (${holderInWords(holder)}) has taken ${stateDir}, and with it the node and its jobs. This one stops at once.`,
        ),
      );
  }

  /** Another agent is the node. What runs here is ended, but what that one holds in this same directory is its own. */
  private nodeTaken(error: NodeTakenError): void {
    this.ending.fail(error);
    this.ending.nothingCanBeHandedOver();
    if (this.lock.isOwn()) this.worker.disownAll();
    else this.ending.leaveNow();
  }

  /** A loop that cannot go on does not take the jobs with it: they finish, and what can be reported is. */
  private async guard(loop: Promise<void>, onFailure?: () => void): Promise<void> {
    try {
      await loop;
    } catch (error) {
      if (this.over.signal.aborted) return;
      const known = error instanceof AgentError;
      if (error instanceof NodeTakenError) return this.nodeTaken(error);
      this.ending.fail(
        known ? error : new AgentError(`The agent failed: ${textOf(error)}`, { cause: error }),
      );
      onFailure?.();
    }
  }
}

/** Where the agent and its owner keep what is for nobody else. */
function keptDirs(stateDir: string, environment: Readonly<Record<string, string | undefined>>): string[] {
  const dirs = [stateDir, socketPlace()];
  try {
    return [...dirs, tanvritHome(environment)];
  } catch {
    // An account without a home has nothing else.
    return dirs;
  }
}

function newRun(stateDir: string): AgentRun {
  const place = { place: placeDigest(stateDir), machine: machineDigest() };
  return { runId: crypto.randomUUID(), ...place, host: hostname(), pid: process.pid };
}

function removedUnder(path: string): string {
  return `${path} was removed under the agent, which keeps there what must outlive it. It ends when what runs has ended; start it again.`;
}

function registerFailed(error: unknown): string {
  // Reading the sign-in may fail before the server is asked.
  const what = error instanceof ComputeError ? "The server refuses this node" : "This node cannot register";
  return `${what}: ${textOf(error)}`;
}
