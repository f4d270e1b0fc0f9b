import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { mkdir, open, rm } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";

/**
 * Receives a file as clients of Azure's blob storage send it: whole, or in blocks that a list puts in order at the end; see
 * https://learn.microsoft.com/rest/api/storageservices/put-block-list.
 */
export class BlockUpload {
  private readonly blocks: string;

  /** @param path of the file that becomes whole. */
  constructor(readonly path: string) {
    this.blocks = `${path}.blocks`;
  }

  async putWhole(body: ReadableStream<Uint8Array> | null): Promise<void> {
    await write(this.path, body);
  }

  async putBlock(id: string, body: ReadableStream<Uint8Array> | null): Promise<void> {
    await mkdir(this.blocks, { recursive: true, mode: 0o700 });
    await write(this.blockPath(id), body);
  }

  /** A range of the file, which may come in any order. */
  async putRange(fromByte: number, body: ReadableStream<Uint8Array> | null): Promise<void> {
    await (await open(this.path, "a", 0o600)).close();
    const file = await open(this.path, "r+");
    try {
      let at = fromByte;
      for await (const chunk of body ?? []) {
        await file.write(chunk, 0, chunk.length, at);
        at += chunk.length;
      }
    } finally {
      await file.close();
    }
  }

  /** Puts the blocks together in the order of the list, a document of XML. */
  async putList(xml: string): Promise<void> {
    const ids = [...xml.matchAll(/<(?:Latest|Committed|Uncommitted)>([^<]*)</g)].map(([, id = ""]) => id);
    await write(this.path, null);
    for (const id of ids)
      await pipeline(createReadStream(this.blockPath(id)), createWriteStream(this.path, { flags: "a" }));
    await rm(this.blocks, { recursive: true, force: true });
  }

  async remove(): Promise<void> {
    await rm(this.path, { force: true });
    await rm(this.blocks, { recursive: true, force: true });
  }

  private blockPath(id: string): string {
    return join(this.blocks, Buffer.from(id).toString("base64url"));
  }
}

async function write(path: string, body: ReadableStream<Uint8Array> | null): Promise<void> {
  const target = createWriteStream(path, { mode: 0o600 });
  await pipeline(body ?? [], target);
}

/** `sha256:` and the checksum in hex. */
export async function digestOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return `sha256:${hash.digest("hex")}`;
}
