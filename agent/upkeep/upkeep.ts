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

/** What agent.yaml says of how the agent treats the machine it runs on. */
export type MachineCare = Pick<AgentFile, "idleSuspendSeconds" | "keepAwake" | "minFreeDiskMb">;

export interface UpkeepParts {
  stateDir: string;
  care: MachineCare;
  worker: Pick<Worker, "running" | "unsent" | "isDraining" | "onLoad" | "onStartFailed">;
  condition: Condition;
  clock: ServerClock;
  connection: Pick<Connection, "isPatient">;
  keepAwake: Pick<KeepAwake, "want" | "setEnabled" | "stop">;
  /** Ends the process that waits for jobs; the next job brings one again. */
  rest(): void;
  /** What waits at the server, or for its time, does so anew: its connection may be dead. */
  hurry(): void;
  /** Whether the agent's directory is still its own. */
  ownsStateDir(): boolean;
  /** It is not, and nothing can be kept there any more. */
  onStateDirLost(): void;
  log: Logger;
  clocks?: Clocks;
  lookAtDisk?: typeof lookAtDisk;
}

type Session = Pick<NodeSession, "offlineAfterSeconds">;

/** How soon it is noticed that the machine slept. */
const LOOK_EVERY_MS = 2_000;
/** Asleep, every look costs what a suspended agent must not. */
const ASLEEP_LOOK_EVERY_MS = 30_000;
const HEALTH_EVERY_MS = 10_000;

/**
 * Treats the machine as its owner wants it: goes to sleep when nothing is to do, keeps the machine awake while jobs
 * run, and takes no jobs while the machine is not well. Says of each what and why.
 */
export class Upkeep {
  private readonly parts: UpkeepParts;
  private readonly idle = new IdleTimer(() => this.fallAsleep());
  private readonly health: Health;
  private healthAtMs = Number.NEGATIVE_INFINITY;
  private care: MachineCare;

  constructor(parts: UpkeepParts) {
    this.parts = parts;
    this.care = parts.care;
    this.health = new Health({ stateDir: parts.stateDir, minFreeDiskMb: parts.care.minFreeDiskMb });
    parts.worker.onLoad = () => this.onLoad();
    parts.worker.onStartFailed = () => this.checkHealth();
    parts.clock.onKnown = () => this.checkHealth();
  }

  /** agent.yaml has changed. */
  configure(care: MachineCare): void {
    this.care = care;
    const { idleSuspendSeconds, keepAwake, minFreeDiskMb } = care;
    this.health.options = { ...this.health.options, minFreeDiskMb };
    this.idle.setAfter(idleSuspendSeconds === undefined ? undefined : idleSuspendSeconds * 1_000);
    this.parts.keepAwake.setEnabled(keepAwake);
    if (idleSuspendSeconds === undefined) this.wake("agent.yaml no longer says that it sleeps.");
    else if (!this.idle.isDue) this.wake("agent.yaml says that it sleeps later.");
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

  /** Something began here or is over. */
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

  /** After the machine slept the server must hear of the node before it gives up what runs here, if it has not yet. */
  private catchUp(what: string, session: Session): void {
    const { worker, clock, hurry, log } = this.parts;
    const rule = `The server gives up the jobs of a node that is silent for ${session.offlineAfterSeconds} s; asking it which of the ${worker.running} here are still wanted.`;
    log.warn(worker.running > 0 ? `${what} ${rule}` : what);
    // What is known of the server's time was told by another clock.
    clock.forget();
    hurry();
  }

  private checkHealth(): void {
    const { stateDir, clock, condition, log } = this.parts;
    this.healthAtMs = performance.now();
    if (!this.parts.ownsStateDir()) this.parts.onStateDirLost();
    const facts = {
      ...(this.parts.lookAtDisk ?? lookAtDisk)(stateDir),
      clockAheadMs: clock.localAheadMs,
    };
    const refusing = this.health.judge(facts);
    const before = condition.value.refusing;
    if (refusing === before) return;
    if (refusing !== undefined) log.warn(`Taking no new jobs: ${refusing}. What runs goes on.`);
    else log.info("Taking new jobs again: what kept them off is over.");
    condition.change({ refusing });
  }
}
