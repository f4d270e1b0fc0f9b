import { signalName } from "../../shared/signals.ts";
import { inTime, pause } from "../../shared/wait.ts";
import { libc } from "../process/libc.ts";
import { Patience } from "../process/patience.ts";
import { isDead, linuxTable, processStat } from "../process/process-table.ts";
import { killFound, send, withDescendants } from "../process/process-tree.ts";
import { eachBelow, hasChildren } from "./below.ts";
import {
  type Ended,
  type Keepers,
  type Kept,
  type KeptLaunch,
  KeptLaunchError,
  type Report,
} from "./keeper.ts";
import { KeeperReports } from "./keeper-reports.ts";
import { Strays } from "./strays.ts";

const REAP_LOOK_MS = 1;
/** The kernel's code for a child that exited by itself. */
const CLD_EXITED = 1;

/** A command below its keeper. */
export class KeptChild {
  /** 0 until it runs. */
  pid = 0;
  readonly keeperPid: number;
  /** Resolves once the command itself has ended, or once nobody can tell any more how it ends. */
  readonly exited: Promise<void>;
  /** Resolves once the keeper and everything below it are gone. */
  readonly gone: Promise<void>;
  exitCode: number | null = null;
  signalCode: string | null = null;
  /** The keeper was killed while something of the job was running. */
  isLost = false;
  /** Processes that this process inherited from a killed keeper and that would not die. */
  private survivors: readonly number[] = [];
  private isGone = false;
  /** Settles once the command runs, or cannot run. */
  private readonly launched = Promise.withResolvers<void>();
  private readonly commandEnd = Promise.withResolvers<void>();
  /** Settles once the keeper is about to die, or is dead. */
  private readonly leaving = Promise.withResolvers<void>();
  /** It was dead at the last look. */
  private wasDead = false;
  /** The keeper has reported how the command ended. */
  private hasEnded = false;
  private used: { cpuMicroseconds: number; maxRssBytes: number } | undefined;
  private ending: Promise<boolean> | undefined;
  private keeperStatus: number | undefined;

  /**
   * Resolves once the command runs. Rejects with KeptLaunchError if it cannot be started, and then nothing is left of it.
   * What the launch names is in use from the call itself, also the descriptors, which the caller may close at once.
   */
  static async start(keepers: Keepers, launch: Omit<KeptLaunch, "status" | "number">): Promise<KeptChild> {
    const place = KeeperReports.ofThisProcess.place();
    const child = new KeptChild(keepers.start({ ...launch, ...place }), place.number);
    try {
      await child.launched.promise;
    } catch (error) {
      await child.gone;
      throw error;
    }
    return child;
  }

  private constructor(
    private readonly kept: Kept,
    number: number,
  ) {
    this.keeperPid = kept.keeperPid;
    this.exited = this.commandEnd.promise;
    Strays.ofThisProcess.keeperBegan(kept.keeperPid);
    KeeperReports.ofThisProcess.listen(number, this);
    this.gone = this.leaving.promise.then(async () => {
      await this.untilReaped();
      KeeperReports.ofThisProcess.forget(number);
      if (this.keeperStatus || !this.hasEnded) this.lose();
      Strays.ofThisProcess.keeperEnded(kept.keeperPid);
      if (this.isLost) this.survivors = await Strays.ofThisProcess.end();
      kept.reaped();
      this.isGone = true;
      this.commandEnd.resolve();
    });
  }

  heard({ launched, ended, isGone }: Report): void {
    if (launched) this.takeStart(launched);
    if (ended) this.takeEnd(ended);
    if (isGone) this.leaving.resolve();
  }

  /** A keeper that was killed reports nothing. What it said before was heard by the second look after its death. */
  look(): void {
    if (this.reapKeeper() === undefined) return;
    if (this.wasDead) this.leaving.resolve();
    this.wasDead = true;
  }

  /** The living processes of the job, no matter which session or group they are in. */
  members(): number[] {
    if (this.isGone) return this.survivors.filter((pid) => !isDead(processStat(pid)));
    const members = withDescendants(linuxTable(), new Set([this.keeperPid]));
    return members.filter((pid) => pid !== this.keeperPid);
  }

  /** Kills everything below the keeper. Resolves to true once nothing is left, or to false if something will not die. */
  end(): Promise<boolean> {
    this.ending ??= this.endAll().finally(() => {
      this.ending = undefined;
    });
    return this.ending;
  }

  resourceUsage() {
    return this.used && { cpuTime: { total: this.used.cpuMicroseconds }, maxRSS: this.used.maxRssBytes };
  }

  private async endAll(): Promise<boolean> {
    const patience = new Patience();
    for (let waitMs = 1; !this.isGone; waitMs = Math.min(waitMs * 2, 50)) {
      if (this.hasEnded && this.isBarren()) return true;
      if (patience.isOver(() => this.members())) return false;
      this.killMembers();
      await inTime(waitMs, this.gone);
    }
    return this.members().length === 0;
  }

  /**
   * Whether the keeper has no children and nothing more can come from it. A living keeper without children ends by
   * itself. A dead keeper never has children, which proves nothing: if it was killed, this process has inherited them.
   */
  private isBarren(): boolean {
    const status = this.reapKeeper();
    // The command has ended, so all that a killed keeper could report was heard.
    if (status) this.leaving.resolve();
    if (status !== undefined) return status === 0;
    return !hasChildren(this.keeperPid) && !isDead(processStat(this.keeperPid));
  }

  /** The keeper's status from `waitpid`: 0 if it ended by itself, with nothing below it. undefined: it lives. */
  private reapKeeper(): number | undefined {
    this.keeperStatus ??= libc()?.reapStatus(this.keeperPid);
    return this.keeperStatus;
  }

  /** Called when the keeper is about to die. */
  private async untilReaped(): Promise<void> {
    while (this.reapKeeper() === undefined) {
      // If it is dead at this point, it can be reaped, unless it was reaped elsewhere.
      const wasDead = isDead(processStat(this.keeperPid));
      if (this.reapKeeper() !== undefined || wasDead) return;
      await pause(REAP_LOOK_MS);
    }
  }

  private killMembers(): void {
    if (!hasChildren(this.keeperPid)) return;
    killFound((found) => eachBelow(this.keeperPid, found));
    // The job may have stopped the keeper, and a stopped keeper reaps nothing.
    send(this.keeperPid, "SIGCONT");
  }

  /** The keeper was killed. If its command had not ended, nobody can tell any more how it ends. */
  private lose(): void {
    this.isLost = true;
    if (this.hasEnded) return;
    this.signalCode = "SIGKILL";
    this.launched.reject(new KeptLaunchError("keeper", "EINTR"));
  }

  private takeStart(launched: NonNullable<Report["launched"]>): void {
    this.kept.launched();
    if ("error" in launched) {
      this.launched.reject(launched.error);
    } else {
      this.pid = launched.leaderPid;
      this.launched.resolve();
    }
  }

  private takeEnd({ code, status, ...used }: Ended): void {
    if (code === CLD_EXITED) this.exitCode = status;
    else this.signalCode = (status <= 31 && signalName(`SIG${status}`)) || `SIG${status}`;
    this.used = used;
    this.hasEnded = true;
    this.commandEnd.resolve();
  }
}
