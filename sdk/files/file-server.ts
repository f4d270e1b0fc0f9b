/**
 * What sending and fetching files needs of a server. Each operation is one attempt and may be repeated. Errors are those
 * of `ComputeClient`.
 */
export interface FileServer {
  readonly url: string;
  /** Those of the blobs that the server lacks; it keeps the others for a while. At most `maxBlobsPerRequest`. */
  missing(sha256s: readonly string[], signal?: AbortSignal): Promise<string[]>;
  /** Sends blobs in a pack; resolves once they are durable. The pack's memory must not change until then. */
  upload(pack: Uint8Array, signal?: AbortSignal): Promise<void>;
  /** The blobs as the bytes of a pack, in chunks that are the caller's. Throws `not_found` if the server lacks one. */
  read(sha256s: readonly string[], signal?: AbortSignal): AsyncIterable<Uint8Array>;
}
