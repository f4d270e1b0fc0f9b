/** SHA-256 by the means of a runtime. Digests are 64 lower-case hex digits. */
export interface Hashing {
  /** The digest of bytes that are all there. */
  digest(bytes: Uint8Array): string | Promise<string>;
  /** Begins the digest of bytes that come in pieces. */
  start(): RunningHash | Promise<RunningHash>;
}

export interface RunningHash {
  update(bytes: Uint8Array): void;
  hex(): string;
}

/** The digest of nothing. */
export const EMPTY_SHA256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
