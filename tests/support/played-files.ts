import type { FileServer } from "../../sdk/files/file-server.ts";
import { packHeader } from "../../shared/files/pack.ts";
import { PackReader } from "../../shared/files/pack-reader.ts";

/** Keeps blobs in memory, and counts what it was sent and asked for. */
export class PlayedFiles implements FileServer {
  readonly url = "http://played";
  readonly blobs = new Map<string, Uint8Array>();
  /** The digests of every pack that arrived, in order. */
  readonly packs: string[][] = [];
  /** Called before each operation; may throw in its place. */
  before: (operation: "missing" | "upload" | "read") => void | Promise<void> = () => undefined;

  async missing(sha256s: readonly string[]): Promise<string[]> {
    await this.before("missing");
    return sha256s.filter((sha256) => !this.blobs.has(sha256));
  }

  async upload(pack: Uint8Array): Promise<void> {
    await this.before("upload");
    const reader = new PackReader();
    const arrived: string[] = [];
    let content: Uint8Array[] = [];
    for (const piece of reader.push(pack)) {
      if (piece.kind === "content") content.push(piece.content.slice());
      if (piece.kind !== "end") continue;
      this.blobs.set(piece.sha256, Buffer.concat(content));
      arrived.push(piece.sha256);
      content = [];
    }
    reader.end();
    this.packs.push(arrived);
  }

  async *read(sha256s: readonly string[]): AsyncGenerator<Uint8Array> {
    await this.before("read");
    for (const sha256 of sha256s) {
      const content = this.blobs.get(sha256);
      if (!content) throw new Error(`${sha256} is not there`);
      yield packHeader(sha256, content.length);
      yield content;
    }
  }
}
