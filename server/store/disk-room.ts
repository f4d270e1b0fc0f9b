import { closeSync, existsSync, fsyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { join } from "node:path";
import { bytesText, MIB } from "../../shared/bytes-text.ts";

/** What stays free for changes that must not fail: cancelling, results, deleting. */
const RESERVE_SHARE = 0.05;
/** What the write-ahead log may take between two looks; of a tiny disk a quarter. */
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

/**
 * Watches the disk under the data directory. Output and new jobs are refused while little is free, so that what is
 * there can still be cancelled, ended and deleted. For a disk that others fill to the last byte, a file of a known size
 * lies in the directory: it is removed when the store finds no room, and made again later.
 */
export class DiskRoom {
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private low: string | undefined;

  constructor(
    private readonly dir: string,
    /** Room inside the store, which new rows use before the file grows. */
    private readonly freeInStore: () => number,
    private readonly look: (dir: string) => DiskFacts = lookAtDisk,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** In one sentence that little is free, and where; undefined: there is room. Cheap. */
  shortage(): string | undefined {
    const nowMs = this.now();
    if (nowMs - this.lookedAtMs < LOOK_AGAIN_MS) return this.low;
    this.lookedAtMs = nowMs;
    const facts = this.look(this.dir);
    const isLow = facts.freeBytes + this.freeInStore() < reserveBytes(facts);
    const left = `only ${bytesText(facts.freeBytes)} are free below ${this.dir}`;
    this.low = isLow
      ? `The server's disk is full: ${left}. Make room there, or cancel and delete jobs.`
      : undefined;
    if (!isLow) this.keepBallast(facts);
    return this.low;
  }

  /** Gives the kept file's room to the store. Returns whether there was any. */
  releaseBallast(): boolean {
    const path = join(this.dir, BALLAST);
    if (!existsSync(path)) return false;
    rmSync(path, { force: true });
    return true;
  }

  private keepBallast(facts: DiskFacts): void {
    const path = join(this.dir, BALLAST);
    const sizeBytes = Math.min(MAX_BALLAST_BYTES, Math.floor(reserveBytes(facts) / 2));
    if (existsSync(path) || facts.freeBytes < reserveBytes(facts) + 2 * sizeBytes) return;
    try {
      fill(path, sizeBytes);
    } catch {
      // Somebody else was faster to take the room.
      rmSync(path, { force: true });
    }
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

/** Written, not only made long: a hole takes no room. */
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
