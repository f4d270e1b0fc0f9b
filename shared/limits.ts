/** Sizes and times that server, agent and clients must agree on. */
export const limits = {
  /** A larger request body is refused with `payload_too_large`. */
  maxBodyBytes: 16 * 1024 * 1024,
  /** The same where nobody knows yet who asks. */
  maxAnonymousBodyBytes: 4 * 1024,
  /**
   * The agent cuts lines of more bytes into pieces marked `partial`; the server refuses texts of more UTF-16 code units, of
   * which a text never has more than bytes.
   */
  maxLogLineLength: 32 * 1024,
  /** The most lines in one request to `nodes/logs`. */
  maxLogLinesPerRequest: 5_000,
  /** The most a log may be allowed to have: 1 TiB. */
  maxLogMb: 1024 * 1024,
  /** The lines a log hub keeps per job for late followers. */
  logTailLines: 500,
  /** How long a long poll (`nodes/poll`, `jobs/retrieve` with a wait) may be held. */
  maxWaitSeconds: 30,
  /** The same for a poll of a node that sleeps: each one wakes its machine. Proxies cut what is silent for a minute. */
  maxSuspendedWaitSeconds: 50,
  /** The most rows of one page. */
  maxPageSize: 500,
  /** The most fires to come that are listed at once. */
  maxUpcomingFires: 100,
  /** The most jobs submitted, cancelled or retried by one request. */
  maxBatchJobs: 1_000,
  maxCommandArguments: 4_096,
  maxCommandBytes: 1024 * 1024,
  maxEnvVariables: 1_000,
  /** No kernel takes more for a program. */
  maxEnvBytes: 1024 * 1024,
  maxLabels: 100,
  /** The most jobs that one job comes after. */
  maxAfter: 100,
  maxArrayJobs: 5_000,
  /** All jobs of an array together, as they are stored: each holds the whole manifest, and all are stored in one go. */
  maxArrayBytes: 16 * 1024 * 1024,
} as const;
