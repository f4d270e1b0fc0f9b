import { fileLimits } from "../../shared/files/file-limits.ts";
import { PACK_HEADER_BYTES, writePackHeader } from "../../shared/files/pack.ts";
import type { Hashing } from "./hashing.ts";

const MAX_BLOBS = 4_000;
const CONTENT_BYTES = fileLimits.partBytes;

/** Collects blobs in the memory of the pack in which they will travel. */
export class BlobBatch {
  private readonly memory = new Uint8Array(CONTENT_BYTES + MAX_BLOBS * PACK_HEADER_BYTES);
  private readonly blobs = new Map<string, { offset: number; bytes: number }>();
  private used = 0;

  constructor(private readonly hashing: Hashing) {}

  get digests(): string[] {
    return [...this.blobs.keys()];
  }

  get isEmpty(): boolean {
    return this.blobs.size === 0;
  }

  hasRoomFor(bytes: number): boolean {
    return this.blobs.size < MAX_BLOBS && this.used + PACK_HEADER_BYTES + bytes <= this.memory.length;
  }

  has(sha256: string): boolean {
    return this.blobs.has(sha256);
  }

  /**
   * Adds a blob whose bytes `fill` writes; call `hasRoomFor` before, and add one at a time. Resolves with the digest and the
   * content, also if the blob is not added because `isKnown` says so.
   */
  async add(
    bytes: number,
    fill: (target: Uint8Array) => void | Promise<void>,
    isKnown: (sha256: string) => boolean,
  ): Promise<{ sha256: string; content: Uint8Array }> {
    const offset = this.used + PACK_HEADER_BYTES;
    const content = this.memory.subarray(offset, offset + bytes);
    // Most programs read and hash without waiting. Waiting for nothing would take as long as a small file.
    const filled = fill(content);
    if (filled) await filled;
    const digest = this.hashing.digest(content);
    const sha256 = typeof digest === "string" ? digest : await digest;
    if (!this.has(sha256) && !isKnown(sha256)) {
      writePackHeader(this.memory, this.used, sha256, bytes);
      this.blobs.set(sha256, { offset: this.used, bytes });
      this.used = offset + bytes;
    }
    return { sha256, content };
  }

  /** The pack of these blobs alone, in the same memory: the others are lost. */
  packOf(sha256s: ReadonlySet<string>): Uint8Array {
    if (sha256s.size === this.blobs.size) return this.memory.subarray(0, this.used);
    let used = 0;
    for (const [sha256, { offset, bytes }] of this.blobs) {
      if (!sha256s.has(sha256)) continue;
      const end = offset + PACK_HEADER_BYTES + bytes;
      if (used !== offset) this.memory.copyWithin(used, offset, end);
      used += end - offset;
    }
    return this.memory.subarray(0, used);
  }

  clear(): void {
    this.blobs.clear();
    this.used = 0;
  }
}
