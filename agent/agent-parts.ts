import { hostname } from "node:os";
import { join } from "node:path";
import type { ComputeClient } from "../sdk/client.ts";
import type { ServerProof } from "../sdk/machine/server-proof.ts";
import { tanvritHome } from "../shared/config/home.ts";
import type { Logger } from "../shared/logger.ts";
import type { AgentRun, Assignment } from "../shared/node.ts";
import { socketPlace } from "../shared/sockets/socket-path.ts";
import { AgentControl } from "./control/agent-control.ts";
import { Ending, type EndSignals } from "./control/ending.ts";
import { engineAnswers } from "./detectors/docker.ts";
import { checkAllowed } from "./executors/port/check-allowed.ts";
import type { WorkflowSettings } from "./executors/port/executor.ts";
import { gpusForJob } from "./executors/port/job-gpus.ts";
import { allowedEnvironment, type Environment } from "./process/environment.ts";
import { allowOf } from "./profile/agent-file.ts";
import type { NodeProfile, ProfileSource } from "./profile/profile.ts";
import { Settings } from "./profile/settings.ts";
import { taskLimits } from "./profile/task-limits.ts";
import { Connection } from "./session/connection.ts";
import { NodeSession } from "./session/node-session.ts";
import { openSocket } from "./session/open-socket.ts";
import { ServerClock } from "./session/server-clock.ts";
import { ServerLine } from "./session/server-line.ts";
import type { SignIn } from "./session/sign-in.ts";
import type { HeldLock } from "./state/lock.ts";
import { machineDigest, placeDigest } from "./state/machine.ts";
import { ownDirectory } from "./state/origin.ts";
import type { StateDir } from "./state/state-dir.ts";
import { accountCache } from "./supervisor/account-directory.ts";
import { grantsOf } from "./supervisor/job-grants.ts";
import { factsOf, type StartOrder } from "./supervisor/protocol.ts";
import { Supervisors } from "./supervisor/supervisors.ts";
import { KeepAwake } from "./upkeep/keep-awake.ts";
import { MachineWatch } from "./upkeep/machine-watch.ts";
import { Upkeep } from "./upkeep/upkeep.ts";
import { AgentFiles } from "./worker/agent-files.ts";
import { Condition } from "./worker/condition.ts";
import { HeartbeatLoop } from "./worker/heartbeat.ts";
import { LoadReport } from "./worker/load-report.ts";
import { LogShipper } from "./worker/log-shipper.ts";
import { PollLoop } from "./worker/poll.ts";
import { needsFiles } from "./worker/preparations.ts";
import { Reporter } from "./worker/reporter.ts";
import { Worker } from "./worker/worker.ts";

export interface AgentOptions extends EndSignals {
  /** Speaks for the signed-in user: registers the node. */
  client: ComputeClient;
  /** Watched while nobody is signed in: the agent goes on at the next sign-in. Absent: then it ends instead. */
  signIn?: SignIn | undefined;
  /** What the clients ask before they send anything; see NodeSessionParts. */
  proof?: ServerProof;
  /** Speaks with an enrolment token; see RegistrationParts. */
  enrolClient?: ComputeClient | undefined;
  /** Speaks as the node, and names this run of its agent in every call. */
  createNodeClient(nodeKey: string, runId: string): ComputeClient;
  /** The URL of a proxy for WebSockets; absent: none. `fetch` finds its own. */
  proxy?: string | undefined;
  /** Kept between runs; one agent at a time. */
  stateDir: string;
  profile: NodeProfile;
  /** Where the profile is read again while the agent runs; absent: it never changes. */
  profileSource?: ProfileSource;
  /** Takes at most this many jobs, and stops when they are over. */
  maxJobs?: number;
  /** Stops when nothing has run for this long. */
  idleExitSeconds?: number;
  /** The command that starts the process that holds the jobs, and the build of this program. */
  supervisor: { command: readonly string[]; build: string };
  /** The agent's own environment, of which jobs see an allowed part; absent: that of this process. */
  environment?: ProcessEnvironment;
  /** The soft limit of open files for jobs; absent: that of this process. */
  openFiles?: number | undefined;
  log: Logger;
}

type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

export interface AgentContext {
  options: AgentOptions;
  dirs: StateDir;
  /** On the state directory. */
  lock: HeldLock;
  /** The state directory was removed, or another agent has it. */
  onStateDirLost(): void;
}

/** Makes the parts of an agent and connects them. `Agent` runs them. */
export class AgentParts {
  readonly clock = new ServerClock();
  readonly condition = new Condition();
  readonly reporter = new Reporter();
  readonly shipper = new LogShipper();
  readonly connection: Connection;
  readonly line: ServerLine;
  readonly supervisors: Supervisors;
  readonly worker: Worker;
  readonly ending: Ending;
  readonly session: NodeSession;
  readonly settings: Settings;
  readonly control: AgentControl;
  readonly poll: PollLoop;
  readonly heartbeat: HeartbeatLoop;
  readonly load: LoadReport;
  readonly machineWatch: MachineWatch;
  readonly upkeep: Upkeep;
  readonly files: AgentFiles;
  private readonly environment: ProcessEnvironment;
  /** The part of the agent's environment that every job sees. */
  private readonly jobEnvironment: Environment;

  constructor(private readonly context: AgentContext) {
    const { options } = context;
    this.environment = options.environment ?? process.env;
    this.jobEnvironment = allowedEnvironment(this.environment);
    this.connection = new Connection(options.log);
    this.supervisors = this.createSupervisors();
    this.connection.serverAway.subscribe(() => this.supervisors.serverIs("away"));
    this.connection.serverBack.subscribe(() => this.supervisors.serverIs("back"));
    this.worker = this.createWorker();
    this.worker.intake.prefetch = options.profile.file.prefetch;
    this.ending = new Ending({ ...options, worker: this.worker });
    this.line = this.createLine();
    this.session = this.createSession();
    this.settings = new Settings({
      profile: options.profile,
      source: options.profileSource,
      log: options.log,
      apply: (profile, signal) => this.announce(profile, signal),
    });
    this.files = this.createFiles();
    this.control = this.createControl();
    this.poll = new PollLoop(this.worker, this.clock, this.condition);
    this.load = new LoadReport({
      ask: () => this.supervisors.sample(),
      running: () => this.worker.running,
      loadChanged: this.worker.loadChanged,
    });
    this.heartbeat = new HeartbeatLoop({
      worker: this.worker,
      clock: this.clock,
      condition: this.condition,
      load: this.load,
      rotateKeyDays: () => this.settings.profile.file.rotateKeyDays,
      onSessionEnded: (error) => {
        this.worker.intake.giveBack("Nobody is signed in for its node.");
        if (!options.signIn) this.ending.fail(error);
      },
    });
    this.machineWatch = new MachineWatch({
      seen: () => this.settings.profile.seen,
      engineAnswers: (signal) => engineAnswers(this.environment, signal),
      isAsleep: () => this.condition.value.suspended,
      lookAgain: () => this.settings.readSoon("missing"),
    });
    this.upkeep = this.createUpkeep();
  }

  private createSupervisors(): Supervisors {
    const { options, dirs, lock } = this.context;
    return new Supervisors({
      root: dirs.supervisors,
      command: options.supervisor.command,
      build: options.supervisor.build,
      agentId: dirs.agentId,
      environment: this.environment,
      log: options.log,
      grants: () => {
        const kept = keptDirs(options.stateDir, this.environment);
        return grantsOf(this.settings.profile.file, this.environment, kept);
      },
      ownsStateDir: () => lock.isOwn(),
      onNews: (news) => this.worker.onNews(news),
      onUsage: (samples) => this.load.heard(samples),
      onLost: (executionIds) => this.worker.onLost(this.files.preparations.startAgain(executionIds)),
      onFailure: (error) => this.ending.fail(error),
    });
  }

  private createWorker(): Worker {
    const { options } = this.context;
    return new Worker({
      slots: options.profile.description.capacity.slots,
      maxJobs: options.maxJobs,
      place: {
        start: (assignment) => {
          const order = this.startOrder(assignment);
          if (needsFiles(assignment.manifest)) this.files.preparations.begin(order);
          else this.supervisors.start(order);
          return factsOf(order);
        },
        tell: (executionId, type) => {
          if (!this.files.preparations.tell(executionId, type)) this.supervisors.tell(executionId, type);
        },
        stored: (executionId, seq) => this.supervisors.stored(executionId, seq),
        lost: (executionId, sha256) => void this.files.preparations.fetchAgain(executionId, sha256),
        settled: (executionId) => this.files.preparations.settled(executionId),
        waitsFor: (executionId) => this.files.preparations.inWords(executionId),
      },
      collector: { begin: (...args) => this.files.collector.begin(...args) },
      events: { begin: (...args) => this.files.events.begin(...args) },
      reporter: this.reporter,
      shipper: this.shipper,
      clock: this.clock,
      log: options.log,
    });
  }

  private createFiles(): AgentFiles {
    const { options, dirs } = this.context;
    return new AgentFiles({
      dir: dirs.cache,
      session: this.session,
      settings: () => this.settings.profile.file,
      starting: () => this.worker.starting(),
      start: (order) => this.supervisors.start(order),
      found: (executionId, found) => this.supervisors.found(executionId, found),
      onNews: (news) => this.worker.onNews(news),
      log: options.log,
    });
  }

  private createLine(): ServerLine {
    const { client, proof, proxy, log } = this.context.options;
    const { url } = client;
    return new ServerLine({
      url,
      open: (headers) => openSocket({ url, proof, proxy }, headers),
      mode: () => {
        const { connection, file } = this.settings.profile;
        return connection ?? file.connection;
      },
      connection: this.connection,
      log,
    });
  }

  private createSession(): NodeSession {
    const { options, dirs } = this.context;
    return new NodeSession({
      userClient: options.client,
      createNodeClient: options.createNodeClient,
      enrolClient: options.enrolClient,
      signIn: options.signIn,
      proof: options.proof,
      nodeFilePath: dirs.nodeFile,
      directory: ownDirectory(options.stateDir),
      run: newRun(options.stateDir),
      profile: options.profile,
      connection: this.connection,
      line: this.line,
      executions: this.worker,
      log: options.log,
    });
  }

  private createControl(): AgentControl {
    return new AgentControl({
      serverUrl: this.context.options.client.url,
      session: this.session,
      connection: this.connection,
      line: this.line,
      worker: this.worker,
      supervisors: this.supervisors,
      settings: this.settings,
      files: this.files,
      ending: () => this.ending.why,
      condition: () => this.condition.value,
      end: (how) => this.ending.tell(how),
    });
  }

  private createUpkeep(): Upkeep {
    const { options, lock, onStateDirLost } = this.context;
    return new Upkeep({
      stateDir: options.stateDir,
      care: options.profile.file,
      worker: this.worker,
      clock: this.clock,
      condition: this.condition,
      connection: this.connection,
      log: options.log,
      keepAwake: new KeepAwake({ environment: this.environment, log: options.log }),
      rest: () => this.supervisors.rest(),
      makeRoom: () => this.files.makeRoom(),
      hurry: () => this.hurry(),
      ownsStateDir: () => lock.isOwn(),
      onStateDirLost,
    });
  }

  private startOrder(assignment: Assignment): StartOrder {
    const { file, gpus, description, account } = this.settings.profile;
    checkAllowed(allowOf(file), assignment);
    const held = this.worker.runningExecutions().flatMap((execution) => execution.gpus ?? []);
    return {
      assignment,
      nodeId: this.session.nodeId,
      limits: taskLimits(file.limits, assignment.resources),
      gpus: gpusForJob(gpus, assignment.gpuIndexes, { held, offered: description.capacity.gpuCount }),
      environment: this.jobEnvironment,
      openFiles: this.context.options.openFiles,
      account,
      ...(assignment.manifest.type === "GITHUB_ACTION" && { workflow: this.workflowSettings() }),
    };
  }

  private workflowSettings(): WorkflowSettings {
    const { file, description, account } = this.settings.profile;
    const { actionsUrl, runsOn } = file.workflows;
    // Another account cannot enter the agent's directory.
    const cache = account ? accountCache(account) : this.context.options.stateDir;
    return {
      cacheDirectory: join(cache, "workflows"),
      nodeLabels: description.labels,
      runsOn,
      actionsUrl,
    };
  }

  /** Tells the server the new profile. Jobs that begin from now on get the new limits even before it answers. */
  private async announce(profile: NodeProfile, signal: AbortSignal): Promise<void> {
    const { description, file } = profile;
    this.upkeep.configure(file);
    this.supervisors.grantsChanged();
    await this.session.announce(profile, signal);
    this.worker.intake.slots = description.capacity.slots;
    this.worker.intake.prefetch = file.prefetch;
  }

  private hurry(): void {
    this.connection.hurry();
    this.heartbeat.now();
    this.poll.again();
    // After a sleep of the machine the server may have closed the connection long ago.
    this.line.reopen();
  }
}

/** The directories that hold the agent's and its owner's secrets. */
function keptDirs(stateDir: string, environment: ProcessEnvironment): string[] {
  const dirs = [stateDir, socketPlace()];
  try {
    return [...dirs, tanvritHome(environment)];
  } catch {
    // An account without a home directory has nothing else.
    return dirs;
  }
}

function newRun(stateDir: string): AgentRun {
  return {
    runId: crypto.randomUUID(),
    place: placeDigest(stateDir),
    machine: machineDigest(),
    host: hostname(),
    pid: process.pid,
  };
}
