import type { Logger } from "../../shared/logger.ts";
import { type Clocks, gapInWords, Standstill } from "../../shared/standstill.ts";
import { pause } from "../../shared/wait.ts";
import type { AgentFile } from "../profile/agent-file.ts";
import type { Connection } from "../session/connection.ts";
import type { NodeSession } from "../session/node-session.ts";
import type { ServerClock } from "../session/server-clock.ts";
import type { Condition } from "../worker/condition.ts";
import type { Worker } from "../worker/worker.ts";
import { Health, lookAtDisk } from "./health.ts";
import { IdleTimer } from "./idle-timer.ts";
import type { KeepAwake } from "./keep-awake.ts";

/** The settings of agent.yaml about how the agent treats its machine. */
export type MachineCare = Pick<AgentFile, "idleSuspendSeconds" | "keepAwake" | "minFreeDiskMb">;

export interface UpkeepParts {
  stateDir: string;
  care: MachineCare;
  worker: Pick<Worker, "running" | "unsent" | "isDraining" | "loadChanged" | "startFailed">;
  condition: Condition;
  clock: ServerClock;
  connection: Pick<Connection, "isPatient">;
  keepAwake: Pick<KeepAwake, "want" | "setEnabled" | "stop">;
  /** Ends the process that waits for jobs; the next job starts another. */
  rest(): void;
  /** Gives up files that are only kept for the next jobs. Returns whether there were any. */
  makeRoom(): boolean;
  /** Sends all waiting and planned requests again now: their connections may be dead. */
  hurry(): void;
  /** Whether the agent's directory still belongs to this agent. */
  ownsStateDir(): boolean;
  /** Called when it does not, so nothing can be kept in it any more. */
  onStateDirLost(): void;
  log: Logger;
  clocks?: Clocks;
  lookAtDisk?: typeof lookAtDisk;
}

type Session = Pick<NodeSession, "offlineAfterSeconds">;

/** A sleep of the machine is noticed this soon after it wakes. */
const LOOK_EVERY_MS = 2_000;
/** A suspended agent must use next to no CPU, and every look costs some. */
const ASLEEP_LOOK_EVERY_MS = 30_000;
const HEALTH_EVERY_MS = 10_000;

/**
 * Treats the machine as its owner wants: suspends the agent when there is nothing to do, keeps the machine awake while
 * jobs run, and takes no jobs while the machine is unhealthy. It logs each change and the reason.
 */
export class Upkeep {
  private readonly idle = new IdleTimer(() => this.fallAsleep());
  private readonly health: Health;
  private healthAtMs = Number.NEGATIVE_INFINITY;
  private care: MachineCare;

  constructor(private readonly parts: UpkeepParts) {
    this.care = parts.care;
    this.health = new Health({ stateDir: parts.stateDir, minFreeDiskMb: parts.care.minFreeDiskMb });
    parts.worker.loadChanged.subscribe(() => this.onLoad());
    parts.worker.startFailed.subscribe(() => this.checkHealth());
    parts.clock.known.subscribe(() => this.checkHealth());
  }

  /** agent.yaml has changed. */
  configure(care: MachineCare): void {
    this.care = care;
    const { idleSuspendSeconds, keepAwake, minFreeDiskMb } = care;
    this.health.options = { ...this.health.options, minFreeDiskMb };
    this.idle.setAfter(idleSuspendSeconds === undefined ? undefined : idleSuspendSeconds * 1_000);
    this.parts.keepAwake.setEnabled(keepAwake);
    if (idleSuspendSeconds === undefined) this.wake("agent.yaml no longer sets idleSuspendSeconds.");
    else if (!this.idle.isDue) this.wake("agent.yaml now lets it sleep only later.");
    this.checkHealth();
  }

  async run(session: Session, signal: AbortSignal): Promise<void> {
    const { condition, clocks } = this.parts;
    const standstill = new Standstill(clocks);
    this.configure(this.care);
    this.onLoad();
    while (!signal.aborted) {
      const lookMs = condition.value.suspended ? ASLEEP_LOOK_EVERY_MS : LOOK_EVERY_MS;
      await pause(lookMs, signal);
      if (signal.aborted) break;
      const gap = standstill.look(lookMs);
      if (gap) this.catchUp(gapInWords(gap, "The agent"), session);
      if (this.isHealthDue) this.checkHealth();
    }
    this.idle.stop();
    this.parts.keepAwake.stop();
  }

  private get isHealthDue(): boolean {
    return performance.now() - this.healthAtMs >= HEALTH_EVERY_MS - LOOK_EVERY_MS / 2;
  }

  /** An execution began, ended or was delivered. */
  private onLoad(): void {
    const { worker, keepAwake } = this.parts;
    keepAwake.want(worker.running > 0);
    const isBusy = worker.running + worker.unsent > 0;
    this.idle.setBusy(isBusy);
    if (isBusy) this.wake("a job came.");
  }

  private fallAsleep(): void {
    const { condition, connection, worker, rest, log } = this.parts;
    if (condition.value.suspended || worker.isDraining) return;
    log.info(`Nothing to do for ${this.care.idleSuspendSeconds} s; asleep until a job comes.`);
    connection.isPatient = true;
    condition.change({ suspended: true });
    rest();
    Bun.gc(true);
  }

  private wake(why: string): void {
    const { condition, connection, log } = this.parts;
    if (!condition.value.suspended) return;
    log.info(`Awake: ${why}`);
    connection.isPatient = false;
    condition.change({ suspended: false });
  }

  /** After a sleep of the machine the server must hear from the node before it gives up the jobs that run here. */
  private catchUp(what: string, session: Session): void {
    const { worker, clock, hurry, log } = this.parts;
    const rule = `The server gives up the jobs of a node that is silent for ${session.offlineAfterSeconds} s; asking it which of the ${worker.running} here it still wants.`;
    log.warn(worker.running > 0 ? `${what} ${rule}` : what);
    // This machine's clock has jumped, so the estimate of the server's time is void.
    clock.forget();
    hurry();
  }

  private checkHealth(): void {
    const { stateDir, clock, condition, log } = this.parts;
    this.healthAtMs = performance.now();
    if (!this.parts.ownsStateDir()) this.parts.onStateDirLost();
    const look = () => ({
      ...(this.parts.lookAtDisk ?? lookAtDisk)(stateDir),
      clockAheadMs: clock.localAheadMs,
    });
    let refusing = this.health.judge(look());
    if (this.health.lacksRoom && this.parts.makeRoom()) refusing = this.health.judge(look());
    const before = condition.value.refusing;
    if (refusing === before) return;
    if (refusing !== undefined) log.warn(`Taking no new jobs: ${refusing}. Running jobs continue.`);
    else log.info("Taking new jobs again: the problem is over.");
    condition.change({ refusing });
  }
}
