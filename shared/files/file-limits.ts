const MIB = 1024 * 1024;

/** Sizes that everyone who sends or stores files agrees on. */
export const fileLimits = {
  /** A file of more bytes is sent and stored in parts of exactly this size; the last part is smaller. */
  partBytes: 4 * MIB,
  /** The most bytes in one pack, headers included. */
  maxPackBytes: 16 * MIB,
  /** The most blobs in one pack, and the most digests in one request. */
  maxBlobsPerRequest: 4_096,
  /** The most entries of one tree. */
  maxEntries: 2_000_000,
  /** The most bytes of one path, as the common file systems allow. */
  maxPathBytes: 4_096,
  /** The most bytes of one name in a path. */
  maxNameBytes: 255,
} as const;
