import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { bytesText, MIB } from "../../shared/bytes-text.ts";

/** The share of the disk that stays free for changes that must not fail: cancelling, results, deleting. */
const RESERVE_SHARE = 0.05;
/** At least what the write-ahead log may grow by between two looks, but on a tiny disk only a quarter of it. */
const MIN_RESERVE_BYTES = 8 * MIB;
const MIN_RESERVE_SHARE = 0.25;
const MAX_RESERVE_BYTES = 256 * MIB;
const MAX_BALLAST_BYTES = 16 * MIB;
/** Looking costs a system call; a disk does not fill up faster than this. */
const LOOK_AGAIN_MS = 20;
const BALLAST = "reserve";

export interface DiskFacts {
  freeBytes: number;
  totalBytes: number;
}

export interface DiskRoomParts {
  /** The data directory. */
  dir: string;
  /** Free bytes inside the store, which new rows use before the file grows. */
  freeInStoreBytes: () => number;
  /** Only tests replace it. */
  look?: (dir: string) => DiskFacts;
  /** Monotonic; only tests replace it. */
  nowMs?: () => number;
}

/**
 * Watches the disk of the data directory. While little is free, the server rejects output and new jobs, so that existing
 * jobs can still be cancelled, ended and deleted. In case other programs fill the disk to the last byte, the directory
 * contains a reserve file: it is removed when the store finds no room, and made again later.
 */
export class DiskRoom {
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private low: string | undefined;

  constructor(private readonly parts: DiskRoomParts) {}

  /** One sentence that says how little is free, and where; undefined if there is room. Cheap to call. */
  shortage(): string | undefined {
    const { dir, freeInStoreBytes, look = lookAtDisk, nowMs = () => performance.now() } = this.parts;
    const atMs = nowMs();
    if (atMs - this.lookedAtMs < LOOK_AGAIN_MS) return this.low;
    this.lookedAtMs = atMs;
    const facts = look(dir);
    const isLow = facts.freeBytes + freeInStoreBytes() < reserveBytes(facts);
    const left = `only ${bytesText(facts.freeBytes)} are free below ${dir}`;
    this.low = isLow
      ? `The server's disk is full: ${left}. Make room there, or cancel and delete jobs.`
      : undefined;
    if (!isLow) this.keepBallast(facts);
    return this.low;
  }

  /** Removes the reserve file, so that the store can use its room. Returns whether the file existed. */
  releaseBallast(): boolean {
    const path = join(this.parts.dir, BALLAST);
    if (!existsSync(path)) return false;
    rmSync(path, { force: true });
    return true;
  }

  private keepBallast(facts: DiskFacts): void {
    const path = join(this.parts.dir, BALLAST);
    const sizeBytes = Math.min(MAX_BALLAST_BYTES, Math.floor(reserveBytes(facts) / 2));
    if (existsSync(path) || facts.freeBytes < reserveBytes(facts) + 2 * sizeBytes) return;
    try {
      fill(path, sizeBytes);
    } catch {
      // Another program took the room first.
      rmSync(path, { force: true });
    }
  }
}

/**
 * The room for files on the disk of a directory. Files must not take what the store needs, so they stop while twice its
 * reserve is still free.
 */
export class RoomForFiles {
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private facts: DiskFacts = { freeBytes: 0, totalBytes: 0 };
  private bytesSince = 0;

  /** @param look only tests replace it. */
  constructor(
    private readonly dir: string,
    private readonly look: (dir: string) => DiskFacts = lookAtDisk,
  ) {}

  /**
   * One sentence that says how little is free, where, and what to do; undefined if there is room for so many bytes, which
   * the caller then writes. Cheap to call.
   */
  shortage(bytes: number): string | undefined {
    if (performance.now() - this.lookedAtMs >= LOOK_AGAIN_MS) this.lookNow();
    // Something may have been deleted since the last look.
    if (!this.hasRoomFor(bytes)) this.lookNow();
    if (this.hasRoomFor(bytes)) {
      this.bytesSince += bytes;
      return undefined;
    }
    const { freeBytes } = this;
    return (
      `The server's disk has no room for files: only ${bytesText(Math.max(0, freeBytes))} are free below ${this.dir}, and ` +
      "the store needs them. Make room there, or delete artifacts."
    );
  }

  private get freeBytes(): number {
    return this.facts.freeBytes - this.bytesSince;
  }

  private hasRoomFor(bytes: number): boolean {
    return this.freeBytes - bytes >= 2 * reserveBytes(this.facts);
  }

  private lookNow(): void {
    this.lookedAtMs = performance.now();
    this.facts = this.look(this.dir);
    this.bytesSince = 0;
  }
}

function reserveBytes({ totalBytes }: DiskFacts): number {
  const leastBytes = Math.min(MIN_RESERVE_BYTES, totalBytes * MIN_RESERVE_SHARE);
  return Math.min(MAX_RESERVE_BYTES, Math.max(leastBytes, totalBytes * RESERVE_SHARE));
}

function lookAtDisk(dir: string): DiskFacts {
  const { bsize, bavail, blocks } = statfsSync(dir);
  return { freeBytes: bsize * bavail, totalBytes: bsize * blocks };
}

/** Writes the bytes, because a hole in a file takes no room. */
function fill(path: string, sizeBytes: number): void {
  const file = openSync(path, "wx", 0o600);
  try {
    const block = new Uint8Array(MIB).fill(1);
    for (let left = sizeBytes; left > 0; left -= block.byteLength) {
      writeSync(file, block, 0, Math.min(left, block.byteLength));
    }
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}
