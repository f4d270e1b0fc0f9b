import type { StoredTree } from "../../shared/artifact.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import type { BlobSender } from "./blob-sender.ts";
import { EMPTY_SHA256, type Hashing, type RunningHash } from "./hashing.ts";

const MAX_BYTES_OF_CODE_UNIT = 3;

/** Sends the text of a tree while it is written, in parts like the content of a file. */
export class TreeSender {
  private readonly part = new Uint8Array(fileLimits.partBytes);
  private used = 0;
  private readonly encoder = new TextEncoder();
  /** Of all parts; a text of one part has the digest of that part. */
  private whole: RunningHash | undefined;
  private readonly parts: string[] = [];
  private size = 0;

  constructor(
    private readonly sender: BlobSender,
    private readonly hashing: Hashing,
  ) {}

  /** Adds a line of the tree, with its newline. Returns a promise only if it has to wait. */
  add(line: string): void | Promise<void> {
    if (this.used + line.length * MAX_BYTES_OF_CODE_UNIT > this.part.length) return this.split(line);
    this.used += this.encoder.encodeInto(line, this.part.subarray(this.used)).written;
  }

  async finish(): Promise<StoredTree> {
    if (this.used > 0) await this.flush(true);
    const sha256 = this.whole?.hex() ?? this.parts[0] ?? EMPTY_SHA256;
    return { sha256, size: this.size, parts: this.parts };
  }

  private async split(line: string): Promise<void> {
    for (let rest = this.encoder.encode(line); rest.length > 0; ) {
      const piece = rest.subarray(0, this.part.length - this.used);
      this.part.set(piece, this.used);
      this.used += piece.length;
      rest = rest.subarray(piece.length);
      if (this.used === this.part.length) await this.flush(false);
    }
  }

  private async flush(isLast: boolean): Promise<void> {
    const text = this.part.subarray(0, this.used);
    if (!isLast || this.whole) {
      this.whole ??= await this.hashing.start();
      this.whole.update(text);
    }
    this.size += text.length;
    const { sha256 } = await this.sender.add(text.length, (target) => target.set(text));
    this.parts.push(sha256);
    this.used = 0;
  }
}
