import { fileLimits } from "./file-limits.ts";
import { DIGEST_BYTES, PACK_HEADER_BYTES } from "./pack.ts";
import { type RunningSha256, sha256Of, startSha256 } from "./sha256.ts";

/** A pack is not as agreed. */
export class PackError extends Error {
  override name = "PackError";
}

/** A piece of a pack. The content of a blob may come in several pieces. */
export type PackPiece =
  | { kind: "blob"; sha256: string; bytes: number }
  | { kind: "content"; content: Uint8Array }
  /** The blob is complete, and its content has the announced digest. */
  | { kind: "end"; sha256: string; bytes: number };

/** Reads a pack from chunks of any size, and checks the digest of every blob. Throws PackError. */
export class PackReader {
  private header = Buffer.alloc(PACK_HEADER_BYTES);
  private headerBytes = 0;
  private blob: Blob | undefined;

  *push(chunk: Uint8Array): Generator<PackPiece> {
    let rest = chunk;
    while (rest.length > 0) {
      if (!this.blob) {
        const take = Math.min(PACK_HEADER_BYTES - this.headerBytes, rest.length);
        this.header.set(rest.subarray(0, take), this.headerBytes);
        this.headerBytes += take;
        rest = rest.subarray(take);
        if (this.headerBytes < PACK_HEADER_BYTES) return;
        yield this.begin();
      } else {
        const content = rest.subarray(0, this.blob.left);
        rest = rest.subarray(content.length);
        const digest = digestOf(this.blob, content);
        yield { kind: "content", content };
        if (digest !== undefined) yield this.finish(this.blob, digest);
      }
    }
  }

  /** The pack is over. Throws if it stops in the middle of a blob. */
  end(): void {
    if (this.blob || this.headerBytes > 0) throw new PackError("the pack ends in the middle of a blob");
  }

  private begin(): PackPiece {
    const sha256 = this.header.toString("hex", 0, DIGEST_BYTES);
    const bytes = Number(this.header.readBigUInt64BE(DIGEST_BYTES));
    if (bytes === 0 || bytes > fileLimits.partBytes)
      throw new PackError(`a blob of ${bytes} bytes; it must have 1 to ${fileLimits.partBytes}`);
    this.headerBytes = 0;
    this.blob = { sha256, bytes, left: bytes, hash: undefined };
    return { kind: "blob", sha256, bytes };
  }

  private finish({ sha256, bytes }: Blob, digest: string): PackPiece {
    if (digest !== sha256)
      throw new PackError(`the content of blob ${sha256} has the digest ${digest}: it changed on its way`);
    this.blob = undefined;
    return { kind: "end", sha256, bytes };
  }
}

/** A blob of which `left` bytes are still to come. */
interface Blob {
  sha256: string;
  bytes: number;
  left: number;
  hash: RunningSha256 | undefined;
}

/** The digest of the blob if this is the last of its content. */
function digestOf(blob: Blob, content: Uint8Array): string | undefined {
  blob.left -= content.length;
  // Most blobs come in one piece.
  if (blob.left === 0 && !blob.hash) return sha256Of(content);
  blob.hash ??= startSha256();
  blob.hash.update(content);
  return blob.left === 0 ? blob.hash.hex() : undefined;
}
