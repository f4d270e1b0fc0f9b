import { ComputeError } from "../../shared/errors.ts";

/** Takes the bytes of one object. Exactly one of `finish` and `abort` must be called, and nothing after it. */
export interface ObjectWriter {
  /** Takes a chunk; the caller may reuse its memory once this has resolved. If it rejects, call `abort`. */
  write(chunk: Uint8Array): Promise<void>;
  /**
   * Resolves once the object is durable. Until then nobody can read it. If it rejects, the writer has cleaned up. A writer
   * that is older than MAX_WRITER_MS cannot finish.
   */
  finish(): Promise<void>;
  /** Leaves nothing behind, unless the store cannot be reached; then `sweep` removes it. Never rejects. */
  abort(): Promise<void>;
}

export interface StoredObject {
  key: string;
  bytes: number;
}

/**
 * Keeps objects of bytes: the packs in which the content of files is stored. An object is written once, under a new key,
 * and never changes. Keys have the form `<businessId>/<packId>`; another form throws. All operations may be called
 * concurrently, also by several servers. Each has a time limit, and rejects with ComputeError `storage_failed` when the
 * store refuses or cannot be reached, and with `storage_failed` and a hint to make room when it is full. None of them
 * holds a whole object in memory for long: what many calls at once hold is bounded.
 */
export interface BlobStore {
  /** For people: `the data directory`, `s3://bucket/prefix`, `GridFS`. */
  readonly place: string;
  /**
   * Makes the place ready for writers. Call it once before `create`. Rejects if objects cannot be written there, and says
   * why.
   */
  prepare(): Promise<void>;
  /** Begins an object. A process that dies in the middle leaves at most something that `sweep` removes. */
  create(key: string): Promise<ObjectWriter>;
  /**
   * The bytes from `offset` on, in chunks; exactly `length` of them, at least 1. Throws MissingObjectError if there is no
   * such object, or if it ends before the range does; then no chunk, or only some chunks, came before. The reader may stop
   * early.
   */
  read(key: string, offset: number, length: number): AsyncIterable<Uint8Array>;
  /** Removes objects, and what an unfinished writer left under these keys. Keys without an object count as removed. */
  delete(keys: readonly string[]): Promise<void>;
  /** The objects whose keys come after `afterKey`, in the order of their keys, at most `limit`. */
  list(afterKey: string | undefined, limit: number): Promise<StoredObject[]>;
  /** Removes what unfinished writers left more than `olderThanMs` ago. While others may be writing, use SWEEP_AFTER_MS. */
  sweep(olderThanMs: number): Promise<void>;
  close(): Promise<void>;
}

/** How long a writer may take: a slow client sends its pack over a slow line. */
export const MAX_WRITER_MS = 3_600_000;
/** What is older belongs to no writer any more, even if the clocks of two machines differ. */
export const SWEEP_AFTER_MS = 2 * MAX_WRITER_MS;
/** The longest that one request to the store may take. */
export const REQUEST_MS = 60_000;

/** An object that should be there is not, or not all of it: the store lost it, or someone removed it. */
export class MissingObjectError extends Error {
  override name = "MissingObjectError";

  constructor(
    readonly key: string,
    place: string,
    /** If the object is there but too short. */
    endsBefore?: number,
  ) {
    super(
      endsBefore === undefined
        ? `the object ${key} is missing from ${place}`
        : `the object ${key} in ${place} ends before byte ${endsBefore}`,
    );
  }
}

const KEY = /^[\w-]+\/[\w-]+$/;

/** The two parts of a key. Throws if it has another form: keys become paths. */
export function keyParts(key: string): { businessId: string; packId: string } {
  if (!KEY.test(key)) throw new TypeError(`${key} is not the key of an object`);
  const slash = key.indexOf("/");
  return { businessId: key.slice(0, slash), packId: key.slice(slash + 1) };
}

/** Throws if it is not a range of at least one byte. */
export function checkRange(offset: number, length: number): void {
  if (Number.isSafeInteger(offset) && Number.isSafeInteger(length) && offset >= 0 && length >= 1) return;
  throw new RangeError(`${offset} and ${length} are not a range of bytes`);
}

export function checkAge(begunAtMs: number, place: string): void {
  if (performance.now() - begunAtMs <= MAX_WRITER_MS) return;
  const limit = `${MAX_WRITER_MS / 60_000} minutes`;
  throw new ComputeError("storage_failed", `Writing to ${place} took longer than ${limit}. Send it again.`);
}
