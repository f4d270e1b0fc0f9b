import { ComputeError } from "../sdk/errors.ts";
import { counted } from "../shared/counted.ts";
import { textOf } from "../shared/text-of.ts";
import { type AgentOptions, AgentParts } from "./agent-parts.ts";
import { listenForControl } from "./control/control-socket.ts";
import { AgentError } from "./process/agent-error.ts";
import { profileInWords } from "./profile/profile.ts";
import { NodeTakenError } from "./session/errors.ts";
import { acquireLock, type HeldLock, readLock } from "./state/lock.ts";
import { holderInWords } from "./state/lock-file.ts";
import { setForeignAside } from "./state/origin.ts";
import { openStateDir, type StateDir } from "./state/state-dir.ts";
import { removeKeptInTime } from "./supervisor/kept-directories.ts";

/** What an agent leaves to the next agent of its directory. */
export interface AgentEnd {
  /** Jobs that still run. */
  running: number;
  /** Executions that are over, and whose lines or result the server does not have in full. */
  undelivered: number;
}

/** Runs jobs until told to stop. Resolves after a clean stop; throws AgentError when it cannot go on. */
export async function runAgent(options: AgentOptions): Promise<AgentEnd> {
  let dirs = openStateDir(options.stateDir);
  const lock = acquireLock(dirs.lock);
  try {
    if (setForeignAside(options.stateDir, options.log) !== "own") dirs = openStateDir(options.stateDir);
    const agent = new Agent(options, dirs, lock);
    const stopListening = listenForControl(
      dirs.control,
      (request) => agent.parts.control.answer(request),
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

/** Takes an agent through start, work, drain and end. */
class Agent {
  readonly parts: AgentParts;
  /** Ends the loops; everything is delivered by now, or will be by the next run. */
  private readonly over = new AbortController();

  constructor(
    private readonly options: AgentOptions,
    private readonly dirs: StateDir,
    private readonly lock: HeldLock,
  ) {
    this.parts = new AgentParts({ options, dirs, lock, onStateDirLost: () => this.stateDirLost() });
  }

  async run(): Promise<AgentEnd> {
    const { log } = this.options;
    const { worker, supervisors, settings, session, ending } = this.parts;
    worker.resume(await supervisors.open());
    if (worker.running > 0)
      log.info(`Took over ${counted(worker.running, "job")} that kept running without the agent.`);
    settings.setEnforcedBy(supervisors.enforcedBy("COMMAND"));
    log.info(profileInWords(settings.profile));
    try {
      supervisors.listen();
      if (await this.register()) await this.work();
      if (worker.running + worker.unsent === 0) await session.leave();
    } finally {
      this.parts.files.close();
      this.parts.load.close();
      this.parts.line.close();
      await supervisors.close();
    }
    const { running, unsent } = worker;
    if (running > 0) log.info(`Leaving ${counted(running, "job")} running. The next agent run takes over.`);
    if (unsent > 0)
      log.warn(`Leaving ${counted(unsent, "result")} unsent. The next agent run sends what is left.`);
    if (ending.error) throw ending.error;
    return { running, undelivered: unsent };
  }

  /** false: told to stop before the server answered. */
  private async register(): Promise<boolean> {
    const { beforeWork } = this.parts.ending;
    try {
      await this.parts.session.announce(this.parts.settings.profile, beforeWork);
      return true;
    } catch (error) {
      if (beforeWork.aborted) return false;
      throw error instanceof AgentError ? error : new AgentError(registerFailed(error), { cause: error });
    }
  }

  private async work(): Promise<void> {
    const { ending } = this.parts;
    this.parts.files.begin();
    const loops = Promise.all(this.startLoops());
    ending.listen(this.over.signal);
    await ending.untilSettled(this.over.signal);
    this.over.abort();
    await loops;
  }

  private startLoops(): Promise<void>[] {
    const { session, worker, heartbeat, poll, upkeep, reporter, shipper, settings, machineWatch } =
      this.parts;
    const { supervisors } = this.parts;
    const { log } = this.options;
    const { signal } = this.over;
    const undeliverable = () => this.parts.ending.nothingCanBeHandedOver();
    return [
      this.guard(heartbeat.run(session, signal)),
      this.guard(poll.run(session, signal)),
      this.guard(upkeep.run(session, signal)),
      this.guard(reporter.run(session, worker, log, signal), undeliverable),
      this.guard(shipper.run(session, worker, log, signal), undeliverable),
      this.guard(settings.run(signal)),
      this.guard(machineWatch.run(signal)),
      this.guard(removeKeptInTime(() => supervisors.workRoots(), log, signal)),
    ];
  }

  private stateDirLost(): void {
    const { stateDir } = this.options;
    const holder = readLock(this.dirs.lock);
    if (!holder) {
      this.parts.ending.fail(new AgentError(removedWhileRunning(stateDir)));
      return;
    }
    this.nodeTaken(
      new NodeTakenError(
        `Another agent (${holderInWords(holder)}) has taken ${stateDir}, and with it the node and its jobs. This agent stops now.`,
      ),
    );
  }

  /**
   * Another agent is the node now, so the jobs that run here end. If that agent has this very directory, the jobs in it
   * are its own and keep running.
   */
  private nodeTaken(error: NodeTakenError): void {
    const { ending, worker } = this.parts;
    ending.fail(error);
    ending.nothingCanBeHandedOver();
    if (this.lock.isOwn()) worker.disownAll();
    else ending.leaveNow();
  }

  /** A loop that fails does not end the jobs: they finish, and their results are reported if possible. */
  private async guard(loop: Promise<void>, onFailure?: () => void): Promise<void> {
    try {
      await loop;
    } catch (error) {
      if (this.over.signal.aborted) return;
      if (error instanceof NodeTakenError) return this.nodeTaken(error);
      const known = error instanceof AgentError;
      this.parts.ending.fail(
        known ? error : new AgentError(`The agent failed: ${textOf(error)}`, { cause: error }),
      );
      onFailure?.();
    }
  }
}

function removedWhileRunning(stateDir: string): string {
  return `${stateDir} was removed while the agent ran, and with it everything the agent keeps between runs. It ends when its running jobs have ended; then start it again.`;
}

function registerFailed(error: unknown): string {
  // Reading the sign-in may have failed before the server was asked.
  const what = error instanceof ComputeError ? "The server refuses this node" : "This node cannot register";
  return `${what}: ${textOf(error)}`;
}
