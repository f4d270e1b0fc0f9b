import { closeSync, openSync, readSync } from "node:fs";
import { setImmediate } from "node:timers/promises";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { BlobIndex, type CachedBlob, indexPath, packPath } from "./blob-index.ts";

/** The cache lacks a blob, or what it has is damaged. */
export class LostBlobError extends Error {
  override name = "LostBlobError";

  constructor(readonly sha256: string) {
    super(`the blob ${sha256} is damaged or missing in this node's cache`);
  }
}

const MAX_OPEN = 16;
/** Blobs that lie one after the other are read in pieces of this size. */
const AHEAD_BYTES = 256 * 1024;
/** So few bytes that reading and hashing them holds up nothing else. */
const SLICE_BYTES = 1024 * 1024;

/**
 * Reads blobs of a cache that another process may be writing. They are mostly asked for in the order in which they were
 * stored, so after two that lie one after the other the third is looked for right behind them: its digest says whether it
 * is there, and only if not the index is asked.
 */
export class BlobReader {
  private readonly index: BlobIndex;
  private readonly files = new Map<number, number>();
  /** Grows to the largest blob read so far. */
  private memory: Uint8Array = new Uint8Array(0);
  /** Where the last blob ends. */
  private end: { pack: number; offset: number } | undefined;
  private isInOrder = false;
  private readonly ahead = new Ahead();

  /** @param more waits a moment for blobs that are on their way to the cache. Returns whether there were any. */
  constructor(
    private readonly dir: string,
    private readonly more: () => Promise<boolean> = async () => false,
  ) {
    this.index = new BlobIndex(indexPath(dir));
  }

  /**
   * The content of a blob, which has the digest; at once if it is small and here. Throws LostBlobError if the cache does not
   * have it. The content is valid until the next call.
   *
   * @param bytes its length, if that is known.
   */
  read(sha256: string, bytes?: number): Uint8Array | Promise<Uint8Array> {
    const next = this.isInOrder && bytes !== undefined ? this.next(sha256, bytes) : undefined;
    if (next) return next;
    const found = this.index.find(sha256) ?? this.index.findNow(sha256);
    return found ? this.content(sha256, found) : this.later(sha256);
  }

  close(): void {
    for (const file of this.files.values()) closeSync(file);
    this.files.clear();
    this.index.close();
  }

  private async later(sha256: string): Promise<Uint8Array> {
    while (await this.more()) {
      const found = this.index.findNow(sha256);
      if (found) return this.content(sha256, found);
    }
    throw new LostBlobError(sha256);
  }

  /** The content, if it comes right after that of the last blob. */
  private next(sha256: string, bytes: number): Uint8Array | undefined {
    const { end } = this;
    const file = end && bytes <= AHEAD_BYTES ? this.open(end.pack) : undefined;
    const content = end && file !== undefined ? this.ahead.read(file, end.offset, bytes) : undefined;
    this.isInOrder = content !== undefined && sha256Of(content) === sha256;
    if (!end || !this.isInOrder) return undefined;
    end.offset += bytes;
    return content;
  }

  private content(sha256: string, { pack, offset, bytes }: CachedBlob): Uint8Array | Promise<Uint8Array> {
    const file = this.open(pack);
    this.isInOrder = this.end?.pack === pack && this.end.offset === offset;
    this.end = { pack, offset: offset + bytes };
    if (file === undefined || bytes > fileLimits.partBytes) throw new LostBlobError(sha256);
    if (this.memory.length < bytes) this.memory = Buffer.allocUnsafeSlow(bytes);
    const content = this.memory.subarray(0, bytes);
    if (bytes > SLICE_BYTES) return readSlices(file, offset, content, sha256);
    readSync(file, content, 0, bytes, offset);
    if (sha256Of(content) !== sha256) throw new LostBlobError(sha256);
    return content;
  }

  private open(pack: number): number | undefined {
    const known = this.files.get(pack);
    if (known !== undefined) return known;
    const [oldest] = this.files;
    if (oldest && this.files.size >= MAX_OPEN) {
      closeSync(oldest[1]);
      this.files.delete(oldest[0]);
    }
    try {
      const file = openSync(packPath(this.dir, pack), "r");
      this.files.set(pack, file);
      return file;
    } catch {
      return undefined; // It was removed; the blob is fetched again.
    }
  }
}

async function readSlices(file: number, offset: number, content: Uint8Array, sha256: string) {
  const hash = new Bun.CryptoHasher("sha256");
  for (let at = 0; at < content.length; ) {
    if (at > 0) await setImmediate();
    const got = readSync(file, content, at, Math.min(SLICE_BYTES, content.length - at), offset + at);
    if (got === 0) break;
    hash.update(content.subarray(at, at + got));
    at += got;
  }
  if (hash.digest("hex") !== sha256) throw new LostBlobError(sha256);
  return content;
}

/** Bytes of a file, read ahead. */
class Ahead {
  private memory: Uint8Array | undefined;
  private file: number | undefined;
  private from = 0;
  private bytes = 0;

  /** These bytes, valid until the next call; undefined if the file is shorter. */
  read(file: number, offset: number, bytes: number): Uint8Array | undefined {
    this.memory ??= Buffer.allocUnsafeSlow(AHEAD_BYTES);
    const isHere = file === this.file && offset >= this.from && offset + bytes <= this.from + this.bytes;
    if (!isHere) {
      this.file = file;
      this.from = offset;
      this.bytes = readSync(file, this.memory, 0, AHEAD_BYTES, offset);
      if (this.bytes < bytes) return undefined;
    }
    const at = offset - this.from;
    return this.memory.subarray(at, at + bytes);
  }
}
