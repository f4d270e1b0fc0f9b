import type { ComputeClient } from "./client.ts";
import type { FileServer } from "./files/file-server.ts";

const PIECE_BYTES = 256 * 1024;

/** The files of the server that a client is for. */
export class ClientFiles implements FileServer {
  constructor(private readonly client: ComputeClient) {}

  get url(): string {
    return this.client.url;
  }

  async missing(sha256s: readonly string[], signal?: AbortSignal): Promise<string[]> {
    return (await this.client.call("artifacts.missing", { digests: [...sha256s] }, { signal })).missing;
  }

  async upload(pack: Uint8Array, signal?: AbortSignal): Promise<void> {
    const bytes = { bytes: pack.length, chunks: () => piecesOf(pack) };
    await this.client.sendBytes("artifacts.upload-blobs", {}, bytes, { signal });
  }

  read(sha256s: readonly string[], signal?: AbortSignal): AsyncIterable<Uint8Array> {
    return this.client.receiveBytes("artifacts.read-blobs", { digests: [...sha256s] }, { signal });
  }
}

/** Small enough that a slow connection is not taken for a dead one. */
function* piecesOf(pack: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < pack.length; at += PIECE_BYTES) yield pack.subarray(at, at + PIECE_BYTES);
}
