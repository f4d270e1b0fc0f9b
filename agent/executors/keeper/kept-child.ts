import { closeSync, existsSync } from "node:fs";
import { signalName } from "../../../shared/signals.ts";
import { inTime, pause } from "../../wait.ts";
import { libc } from "../libc.ts";
import { createPipe, type Pipe, readPipe } from "../pipes.ts";
import { isDead, linuxTable, processStat, readProc } from "../process-table.ts";
import { send, withDescendants } from "../process-tree.ts";
import { type Keepers, type Kept, type KeptLaunch, KeptLaunchError, RECORD_BYTES } from "./keeper.ts";
import { Strays } from "./strays.ts";

/** A process that does not end within this time after SIGKILL hangs in the kernel, or is not ours to end. */
const KILL_LIMIT_MS = 5_000;
/** So often those who are born meanwhile are stopped too, before all are killed. */
const MAX_STOP_ROUNDS = 50;
const REAP_LOOK_MS = 1;
/** As the kernel tells how a child ended. */
const CLD_EXITED = 1;

/** A command below its keeper. */
export class KeptChild {
  readonly pid: number;
  readonly keeperPid: number;
  /** The command itself has ended, or nobody can say any more how it ends. */
  readonly exited: Promise<void>;
  /** Nothing is left below the keeper, nor the keeper itself. */
  readonly gone: Promise<void>;
  exitCode: number | null = null;
  signalCode: string | null = null;
  /** Somebody killed the keeper while the command ran. */
  isLost = false;
  private isGone = false;
  /** The keeper has told how. */
  private hasEnded = false;
  private used: { cpuMicroseconds: number; maxRssBytes: number } | undefined;
  private ending: Promise<boolean> | undefined;

  /** Throws KeptLaunchError where the command does not run. */
  static start(keepers: Keepers, launch: Omit<KeptLaunch, "status">): KeptChild {
    const status = createPipe();
    if (!status) throw new KeptLaunchError("keeper", "EMFILE");
    try {
      const kept = keepers.start({ ...launch, status: status.writeFd });
      closeSync(status.writeFd);
      return new KeptChild(kept, status);
    } catch (error) {
      closeSync(status.readFd);
      closeSync(status.writeFd);
      throw error;
    }
  }

  private constructor(kept: Kept, status: Pipe) {
    this.pid = kept.leaderPid;
    this.keeperPid = kept.keeperPid;
    const exited = Promise.withResolvers<void>();
    this.exited = exited.promise;
    Strays.ofThisProcess.keeperBegan(kept.keeperPid);
    this.gone = this.hear(status, exited.resolve).then(async () => {
      await reap(kept.keeperPid);
      kept.reaped();
      Strays.ofThisProcess.keeperEnded(kept.keeperPid);
      if (this.isLost) await Strays.ofThisProcess.end();
      this.isGone = true;
      exited.resolve();
    });
  }

  /** The living processes of the job, wherever they have gone. */
  members(): number[] {
    if (this.isGone) return [];
    const members = withDescendants(linuxTable(), new Set([this.keeperPid]));
    return members.filter((pid) => pid !== this.keeperPid);
  }

  /** Kills all there is below the keeper. Resolves when nothing is left; false: something would not die. */
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
    const startMs = performance.now();
    for (let waitMs = 1; !this.isGone; waitMs = Math.min(waitMs * 2, 50)) {
      // A keeper without children ends by itself, and nothing can come of it any more.
      if (this.hasEnded && !hasChildren(this.keeperPid)) return true;
      if (performance.now() - startMs > KILL_LIMIT_MS) return false;
      this.killMembers();
      await inTime(waitMs, this.gone);
    }
    return true;
  }

  /**
   * Each is stopped the moment it is found, since it may be about to start another; all are killed when no new one is
   * found, since the death of one may be what another waits for to start two more.
   */
  private killMembers(): void {
    if (!hasChildren(this.keeperPid)) return;
    const stopped = new Set<number>();
    for (let round = 0, before = -1; round < MAX_STOP_ROUNDS && stopped.size > before; round++) {
      before = stopped.size;
      for (const pid of this.members()) {
        if (stopped.has(pid)) continue;
        send(pid, "SIGSTOP");
        stopped.add(pid);
      }
    }
    for (const pid of stopped) send(pid, "SIGKILL");
    // The job may have stopped it, and stopped it reaps nothing.
    send(this.keeperPid, "SIGCONT");
  }

  /** Reads how the command ended. Resolves when the keeper has ended. */
  private async hear(status: Pipe, exited: () => void): Promise<void> {
    let bytes = Buffer.alloc(0);
    try {
      for await (const chunk of readPipe(status)) {
        bytes = Buffer.concat([bytes, chunk]);
        if (bytes.length < RECORD_BYTES) continue;
        this.take(bytes);
        this.hasEnded = true;
        exited();
      }
    } catch {
      // What a pipe that breaks had to say is lost, as if the keeper had been killed.
    } finally {
      closeSync(status.readFd);
    }
    if (bytes.length >= RECORD_BYTES) return;
    this.isLost = true;
    this.signalCode = "SIGKILL";
  }

  private take(record: Buffer): void {
    const [code = 0, status = 0, userUs = 0, systemUs = 0, maxRssKb = 0] = [1, 2, 3, 4, 5].map((index) =>
      Number(record.readBigInt64LE(index * 8)),
    );
    if (code === CLD_EXITED) this.exitCode = status;
    else this.signalCode = (status <= 31 && signalName(`SIG${status}`)) || `SIG${status}`;
    this.used = { cpuMicroseconds: userUs + systemUs, maxRssBytes: maxRssKb * 1024 };
  }
}

/** Its last descriptor is closed, so that it is about to be dead. */
async function reap(pid: number): Promise<void> {
  while (!libc()?.reap(pid) && !isDead(processStat(pid))) await pause(REAP_LOOK_MS);
  libc()?.reap(pid);
}

/** Where the kernel does not list children, there may be some. */
function hasChildren(pid: number): boolean {
  return readProc(pid, `task/${pid}/children`) !== "" || !listsChildren();
}

let kernelListsChildren: boolean | undefined;

function listsChildren(): boolean {
  // Not every kernel is built with it.
  kernelListsChildren ??= existsSync(`/proc/${process.pid}/task/${process.pid}/children`);
  return kernelListsChildren;
}
