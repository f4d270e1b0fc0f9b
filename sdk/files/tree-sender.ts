import type { StoredTree } from "../../shared/artifact.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import type { BlobSender } from "./blob-sender.ts";

/** Sends the text of a tree while it is written, in parts like the content of a file. */
export class TreeSender {
  private readonly part = Buffer.allocUnsafeSlow(fileLimits.partBytes);
  private used = 0;
  private readonly whole = new Bun.CryptoHasher("sha256");
  private readonly parts: string[] = [];
  private size = 0;

  constructor(private readonly sender: BlobSender) {}

  /** Adds a line of the tree, with its newline. */
  async add(line: string): Promise<void> {
    // In UTF-8 a UTF-16 code unit takes at most three bytes.
    if (this.used + line.length * 3 <= this.part.length) {
      this.used += this.part.write(line, this.used);
      return;
    }
    for (let rest: Uint8Array = Buffer.from(line); rest.length > 0; ) {
      const piece = rest.subarray(0, this.part.length - this.used);
      this.part.set(piece, this.used);
      this.used += piece.length;
      rest = rest.subarray(piece.length);
      if (this.used === this.part.length) await this.flush();
    }
  }

  async finish(): Promise<StoredTree> {
    if (this.used > 0) await this.flush();
    return { sha256: this.whole.digest("hex"), size: this.size, parts: this.parts };
  }

  private async flush(): Promise<void> {
    const text = this.part.subarray(0, this.used);
    this.whole.update(text);
    this.size += text.length;
    const { sha256 } = await this.sender.add(text.length, (target) => target.set(text));
    this.parts.push(sha256);
    this.used = 0;
  }
}
