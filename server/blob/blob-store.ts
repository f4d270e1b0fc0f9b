/** Takes the bytes of one object. Exactly one of `finish` and `abort` must be called, and nothing after it. */
export interface ObjectWriter {
  /** Takes a chunk; the caller may reuse its memory once this has resolved. */
  write(chunk: Uint8Array): Promise<void>;
  /** Resolves once the object is durable. Until then nobody can read it. */
  finish(): Promise<void>;
  /** Leaves nothing behind. Never rejects. */
  abort(): Promise<void>;
}

export interface StoredObject {
  key: string;
  bytes: number;
}

/**
 * Keeps objects of bytes: the packs in which the content of files is stored. An object is written once, under a new key,
 * and never changes. Keys have the form `<businessId>/<packId>`. All operations may be called concurrently, also by
 * several servers. Each has a time limit, and rejects with ComputeError `storage_failed` when the store refuses or
 * cannot be reached, and with `storage_failed` and a hint to make room when it is full.
 */
export interface BlobStore {
  /** For people: `the data directory`, `s3://bucket/prefix`, `GridFS`. */
  readonly place: string;
  /** Begins an object. A process that dies in the middle leaves at most something that `sweep` removes. */
  create(key: string): Promise<ObjectWriter>;
  /** The bytes from `offset` on, in chunks. Throws MissingObjectError before the first chunk if there is no such object. */
  read(key: string, offset: number, length: number): AsyncIterable<Uint8Array>;
  /** Removes objects. Keys without an object count as removed. */
  delete(keys: readonly string[]): Promise<void>;
  /** The objects whose keys come after `afterKey`, in the order of their keys. */
  list(afterKey: string | undefined, limit: number): Promise<StoredObject[]>;
  /** Removes what unfinished writers left more than `olderThanMs` ago. */
  sweep(olderThanMs: number): Promise<void>;
  close(): Promise<void>;
}

/** An object that should be there is not: the store lost it, or someone removed it. */
export class MissingObjectError extends Error {
  override name = "MissingObjectError";

  constructor(
    readonly key: string,
    place: string,
  ) {
    super(`the object ${key} is missing from ${place}`);
  }
}
