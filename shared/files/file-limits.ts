const MIB = 1024 * 1024;

/** Sizes that everyone who sends or stores files agrees on. */
export const fileLimits = {
  /** A file of more bytes is sent and stored in parts of exactly this size; the last part is smaller. */
  partBytes: 4 * MIB,
  /** The most bytes in one pack, headers included. */
  maxPackBytes: 16 * MIB,
  /** The most blobs in one pack, and the most digests in one request. */
  maxBlobsPerRequest: 4_096,
  /** The largest file: 1 TiB. */
  maxFileBytes: 1024 * 1024 * MIB,
  /** The most bytes of one tree's text, and of one of its lines. */
  maxTreeBytes: 1024 * MIB,
  maxTreeLineBytes: 32 * MIB,
  /** The most bytes of the paths and targets of all links of one tree. */
  maxLinkBytes: 64 * MIB,
  /** The most entries of one tree. */
  maxEntries: 2_000_000,
  /** The most bytes of one path, as the common file systems allow. */
  maxPathBytes: 4_096,
  /** The most bytes of one name in a path. */
  maxNameBytes: 255,
} as const;
