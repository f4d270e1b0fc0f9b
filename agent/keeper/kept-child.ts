import { closeSync } from "node:fs";
import { signalName } from "../../shared/signals.ts";
import { inTime, pause } from "../../shared/wait.ts";
import { libc } from "../process/libc.ts";
import { Patience } from "../process/patience.ts";
import { createPipe, type Pipe, readPipe } from "../process/pipes.ts";
import { isDead, linuxTable, processStat } from "../process/process-table.ts";
import { killFound, send, withDescendants } from "../process/process-tree.ts";
import { eachBelow, hasChildren } from "./below.ts";
import {
  endedIn,
  type Keepers,
  type Kept,
  type KeptLaunch,
  KeptLaunchError,
  launchedIn,
  RECORD_BYTES,
} from "./keeper.ts";
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
  /** The keeper has reported whether the command runs. */
  private hasBegun = false;
  /** The keeper has reported how the command ended. */
  private hasEnded = false;
  private used: { cpuMicroseconds: number; maxRssBytes: number } | undefined;
  private ending: Promise<boolean> | undefined;
  private keeperStatus: number | undefined;

  /**
   * Resolves once the command runs. Rejects with KeptLaunchError if it cannot be started, and then nothing is left of it.
   * What the launch names is in use from the call itself, also the descriptors, which the caller may close at once.
   */
  static async start(keepers: Keepers, launch: Omit<KeptLaunch, "status">): Promise<KeptChild> {
    const status = createPipe();
    if (!status) throw new KeptLaunchError("keeper", "EMFILE");
    let child: KeptChild;
    try {
      child = new KeptChild(keepers.start({ ...launch, status: status.writeFd }), status);
    } catch (error) {
      closeSync(status.readFd);
      throw error;
    } finally {
      closeSync(status.writeFd);
    }
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
    status: Pipe,
  ) {
    this.keeperPid = kept.keeperPid;
    const exited = Promise.withResolvers<void>();
    this.exited = exited.promise;
    Strays.ofThisProcess.keeperBegan(kept.keeperPid);
    this.gone = this.hear(status, exited.resolve).then(async () => {
      await this.untilReaped();
      if (this.keeperStatus) this.isLost = true;
      Strays.ofThisProcess.keeperEnded(kept.keeperPid);
      if (this.isLost) this.survivors = await Strays.ofThisProcess.end();
      kept.reaped();
      this.isGone = true;
      exited.resolve();
    });
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
    if (status !== undefined) return status === 0;
    return !hasChildren(this.keeperPid) && !isDead(processStat(this.keeperPid));
  }

  /** The keeper's status from `waitpid`: 0 if it ended by itself, with nothing below it. undefined: it lives. */
  private reapKeeper(): number | undefined {
    this.keeperStatus ??= libc()?.reapStatus(this.keeperPid);
    return this.keeperStatus;
  }

  /** Called when the keeper's last descriptor is closed, so the keeper is about to die. */
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

  /** Reads the keeper's reports. Resolves once the keeper has ended. */
  private async hear(status: Pipe, exited: () => void): Promise<void> {
    try {
      // The kernel does not part a record, but may give both at once.
      for await (const chunk of readPipe(status)) {
        for (let at = 0; at + RECORD_BYTES <= chunk.length; at += RECORD_BYTES) {
          this.take(chunk.subarray(at, at + RECORD_BYTES));
          if (this.hasEnded) exited();
        }
      }
    } catch {
      // If the pipe breaks, the report is lost, as if the keeper had been killed.
    } finally {
      closeSync(status.readFd);
    }
    if (this.hasEnded) return;
    this.isLost = true;
    this.signalCode = "SIGKILL";
    this.launched.reject(new KeptLaunchError("keeper", "EINTR"));
  }

  private take(record: Uint8Array): void {
    if (this.hasBegun) this.takeEnd(record);
    else this.takeStart(record);
  }

  private takeStart(record: Uint8Array): void {
    this.hasBegun = true;
    this.kept.launched();
    const launched = launchedIn(record);
    if ("error" in launched) {
      this.launched.reject(launched.error);
    } else {
      this.pid = launched.leaderPid;
      this.launched.resolve();
    }
  }

  private takeEnd(record: Uint8Array): void {
    const { code, status, ...used } = endedIn(record);
    if (code === CLD_EXITED) this.exitCode = status;
    else this.signalCode = (status <= 31 && signalName(`SIG${status}`)) || `SIG${status}`;
    this.used = used;
    this.hasEnded = true;
  }
}
