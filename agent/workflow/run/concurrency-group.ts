import { existsSync, mkdirSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeFileAtomic } from "../../../shared/atomic-file.ts";
import { pause } from "../../../shared/wait.ts";
import { type HeldLock, readLock, tryLock } from "../../state/lock.ts";
import { alone, shortHash } from "./door.ts";

/** How often one that waits looks whether it is its turn, and one that runs whether it must end. */
const LOOK_EVERY_MS = 100;
const TICKET = /^(\d{10})\.ticket$/;

export interface GroupWish {
  group: string;
  cancelInProgress: boolean;
  /** Those that wait are not cancelled by one that comes later: `queue: max`. */
  queuesAll: boolean;
}

/** One member that may run. */
export interface Membership {
  /** Fires when a later member of the group cancels this one. */
  cancelled: AbortSignal;
  leave(): void;
}

/**
 * A group of `concurrency` on this machine: one member runs, and one waits. The members, which may belong to several
 * processes, are files in the order of their arrival. The kernel keeps their locks, so one whose process was killed is
 * gone.
 */
export class ConcurrencyGroup {
  private readonly directory: string;

  /** @param scope groups of different repositories are different. */
  constructor(
    cacheDirectory: string,
    scope: string,
    private readonly wish: GroupWish,
  ) {
    const name = `${scope}\n${wish.group}`.toLowerCase();
    this.directory = join(cacheDirectory, "concurrency", shortHash(name));
  }

  /** Resolves when it is the caller's turn; undefined: the signal or a later member cancelled it first. */
  async enter(signal: AbortSignal): Promise<Membership | undefined> {
    mkdirSync(this.directory, { recursive: true });
    const own = await this.arrive(signal);
    if (!own) return undefined;
    while (!signal.aborted && !this.isCancelled(own.number)) {
      if (this.living().every((number) => number >= own.number)) return this.membership(own);
      await pause(LOOK_EVERY_MS, signal);
    }
    this.leave(own);
    return undefined;
  }

  /** Takes the last place, and cancels those that must make room. */
  private async arrive(signal: AbortSignal): Promise<Own | undefined> {
    return alone(this.directory, signal, () => {
      const before = this.living();
      for (const number of this.numbers()) if (!before.includes(number)) this.remove(number);
      const number = Math.max(0, ...before) + 1;
      const lock = tryLock(this.ticket(number));
      if (!("release" in lock)) throw new Error(`Cannot write to ${this.directory}.`);
      const { cancelInProgress, queuesAll } = this.wish;
      const waiting = before.slice(1);
      for (const other of cancelInProgress ? before : queuesAll ? [] : waiting) {
        writeFileAtomic(this.mark(other), "");
      }
      return { number, lock };
    });
  }

  private membership(own: Own): Membership {
    const cancelled = new AbortController();
    const look = setInterval(() => {
      if (this.isCancelled(own.number)) cancelled.abort("concurrency");
    }, LOOK_EVERY_MS);
    return {
      cancelled: cancelled.signal,
      leave: () => {
        clearInterval(look);
        this.leave(own);
      },
    };
  }

  private leave({ number, lock }: Own): void {
    lock.release();
    this.remove(number);
  }

  private remove(number: number): void {
    rmSync(this.ticket(number), { force: true });
    rmSync(this.mark(number), { force: true });
  }

  private living(): number[] {
    return this.numbers().filter((number) => readLock(this.ticket(number)) !== undefined);
  }

  private numbers(): number[] {
    return readdirSync(this.directory)
      .flatMap((name) => TICKET.exec(name)?.[1] ?? [])
      .map(Number)
      .sort((a, b) => a - b);
  }

  private isCancelled(number: number): boolean {
    return existsSync(this.mark(number));
  }

  private ticket(number: number): string {
    return join(this.directory, `${String(number).padStart(10, "0")}.ticket`);
  }

  private mark(number: number): string {
    return `${this.ticket(number)}.cancel`;
  }
}

interface Own {
  number: number;
  lock: HeldLock;
}
