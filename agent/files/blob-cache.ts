import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { join } from "node:path";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { namesIn } from "../state/names-in.ts";
import { BlobIndex, indexPath, packPath, type WrittenBlob } from "./blob-index.ts";

/** The format of the cache. What another format left is removed. */
const FORMAT = "v1";
/** Jobs with few small files make small packs; this bounds their number. */
const MAX_PACKS = 20_000;

export interface BlobCacheParts {
  /** The directory of the cache; made if it is missing. */
  dir: string;
  /** The most bytes to keep besides those that jobs need. */
  maxBytes(): number;
  log: Logger;
}

/**
 * The files that this node fetched for jobs, kept for the next jobs. Its packs are files with the content of blobs one after
 * the other. Nothing here is the only copy: what is missing or damaged is fetched again. One process writes it.
 */
export class BlobCache {
  /** Where supervisors find it. */
  readonly dir: string;
  private readonly index: BlobIndex;
  private nextPack: number;
  /** Of each pack. */
  private readonly sizes: Map<number, number>;
  private total = 0;
  private readonly pinned: Set<string>;
  /** Grows whenever something is removed. */
  removals = 0;

  /** Removes what no job needs any more. `live`: the executions that may still be placing files. */
  constructor(
    private readonly parts: BlobCacheParts,
    live: readonly string[],
  ) {
    this.dir = join(parts.dir, FORMAT);
    for (const name of namesIn(parts.dir)) {
      if (name !== FORMAT) rmSync(join(parts.dir, name), { recursive: true, force: true });
    }
    this.index = openIndex(this.dir, parts.log);
    this.sizes = this.agree();
    for (const bytes of this.sizes.values()) this.total += bytes;
    this.nextPack = Math.max(0, ...this.sizes.keys()) + 1;
    this.pinned = new Set(this.index.pinned());
    for (const executionId of this.pinned) if (!live.includes(executionId)) this.release(executionId);
    this.trim();
  }

  get bytes(): number {
    return this.total;
  }

  /** The pack that has the blob; undefined: none has. */
  packOf(sha256: string): number | undefined {
    return this.index.find(sha256)?.pack;
  }

  isComplete(setId: string): boolean {
    return this.index.isComplete(setId);
  }

  belongTo(setId: string, packs: Iterable<number>): void {
    this.index.belongTo(setId, packs);
  }

  complete(setId: string): void {
    this.index.complete(setId);
  }

  /** The packs of the set stay until `unpin`. */
  pin(executionId: string, setId: string): void {
    this.index.pin(executionId, setId);
    this.pinned.add(executionId);
  }

  /** The job needs its files here no more. */
  unpin(executionId: string): void {
    if (!this.pinned.has(executionId)) return;
    this.release(executionId);
    this.trim();
  }

  /** The content here does not have its digest. */
  removeBlob(sha256: string): void {
    this.removals++;
    this.index.removeBlob(sha256);
  }

  /** Begins a pack for the blobs that a set lacks. */
  async newPack(setId: string): Promise<PackFile> {
    const pack = this.nextPack++;
    const path = packPath(this.dir, pack);
    const file = await open(path, "w", 0o600);
    return new PackFile(file, path, (blobs) => {
      const bytes = this.index.add(pack, blobs, setId);
      this.sizes.set(pack, bytes);
      this.total += bytes;
      this.trim();
    });
  }

  /** Removes what no job needs. Returns the bytes that this made free. */
  empty(): number {
    return this.remove(0, 0);
  }

  close(): void {
    this.index.close();
  }

  private trim(): void {
    this.remove(this.parts.maxBytes(), MAX_PACKS);
  }

  private release(executionId: string): void {
    this.index.unpin(executionId);
    this.pinned.delete(executionId);
  }

  private remove(maxBytes: number, maxPacks: number): number {
    const isSmall = (bytes: number, count: number) => bytes <= maxBytes && count <= maxPacks;
    if (isSmall(this.total, this.sizes.size)) return 0;
    const gone: number[] = [];
    let bytes = this.total;
    for (const spare of this.index.spare()) {
      if (isSmall(bytes, this.sizes.size - gone.length)) break;
      gone.push(spare.pack);
      bytes -= spare.bytes;
    }
    this.removals++;
    this.index.removePacks(gone);
    for (const pack of gone) {
      rmSync(packPath(this.dir, pack), { force: true });
      this.sizes.delete(pack);
    }
    const freed = this.total - bytes;
    this.total = bytes;
    return freed;
  }

  /** Makes index and files agree after a crash. Returns the size of each pack. */
  private agree(): Map<number, number> {
    const known = new Map(this.index.packs().map(({ pack, bytes }) => [pack, bytes]));
    for (const name of readdirSync(this.dir)) {
      const pack = packNumber(name);
      if (pack !== undefined && !known.has(pack)) rmSync(join(this.dir, name), { force: true });
    }
    const lost = [...known].filter(([pack, bytes]) => {
      const size = statSync(packPath(this.dir, pack), { throwIfNoEntry: false })?.size;
      return size !== bytes;
    });
    this.index.removePacks(lost.map(([pack]) => pack));
    for (const [pack] of lost) known.delete(pack);
    return known;
  }
}

const BUFFER_BYTES = 256 * 1024;

/** A pack that is being written. Exactly one of `finish` and `abort` must be called. */
export class PackFile {
  private readonly blobs: WrittenBlob[] = [];
  /** Small blobs are written together: a write for each would take longer than fetching them. */
  private readonly buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES);
  private buffered = 0;
  /** Why nothing of the pack can be kept. */
  private failure: unknown;
  private offset = 0;
  private begunAt = 0;

  constructor(
    private readonly file: FileHandle,
    private readonly path: string,
    private readonly add: (blobs: readonly WrittenBlob[]) => void,
  ) {}

  /** Bytes written so far. */
  get bytes(): number {
    return this.offset;
  }

  async write(content: Uint8Array): Promise<void> {
    this.offset += content.length;
    if (this.buffered + content.length > BUFFER_BYTES) await this.flush();
    if (content.length > BUFFER_BYTES) {
      await this.writeAll(content);
      return;
    }
    this.buffer.set(content, this.buffered);
    this.buffered += content.length;
  }

  /** Everything written since the last blob is this blob. */
  endBlob(sha256: string): void {
    this.blobs.push({ sha256, offset: this.begunAt, bytes: this.offset - this.begunAt });
    this.begunAt = this.offset;
  }

  /** Keeps the blobs that are complete; none of them if the disk refused any of their bytes, and then it throws. */
  async finish(): Promise<void> {
    if (this.blobs.length === 0) return this.abort();
    try {
      if (this.failure !== undefined) throw this.failure;
      await this.flush();
      await this.file.truncate(this.begunAt);
    } catch (error) {
      await this.abort();
      throw error;
    }
    await this.file.close();
    this.add(this.blobs);
  }

  async abort(): Promise<void> {
    await this.file.close();
    rmSync(this.path, { force: true });
  }

  private async flush(): Promise<void> {
    const bytes = this.buffered;
    this.buffered = 0;
    await this.writeAll(this.buffer.subarray(0, bytes));
  }

  private async writeAll(content: Uint8Array): Promise<void> {
    try {
      for (let done = 0; done < content.length; ) {
        done += (await this.file.write(content, done)).bytesWritten;
      }
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }
}

function openIndex(dir: string, log: Logger): BlobIndex {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  try {
    return new BlobIndex(indexPath(dir));
  } catch (error) {
    log.warn(`The cache in ${dir} cannot be used and is emptied: ${textOf(error)}`);
    rmSync(dir, { recursive: true, force: true });
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    return new BlobIndex(indexPath(dir));
  }
}

function packNumber(name: string): number | undefined {
  const [, digits] = /^(\d+)\.pack$/.exec(name) ?? [];
  return digits === undefined ? undefined : Number(digits);
}
