/** Sizes and times that server, agent and clients share. */
export const limits = {
  /** A larger request body is refused with `payload_too_large`. */
  maxBodyBytes: 16 * 1024 * 1024,
  /** The same for a request without authentication. */
  maxAnonymousBodyBytes: 4 * 1024,
  /**
   * The agent cuts lines of more bytes than this into pieces marked `partial`. The server refuses texts of more UTF-16
   * code units; a text never has more of those than bytes.
   */
  maxLogLineLength: 32 * 1024,
  /** The most lines in one request to `nodes/logs`. */
  maxLogLinesPerRequest: 5_000,
  /** The most events in one request to `nodes/workflow-events`. */
  maxWorkflowEventsPerRequest: 1_000,
  /** The highest `maxLogMb` of a job: 1 TiB. */
  maxLogMb: 1024 * 1024,
  /** The lines a log hub keeps per job for late followers. */
  logTailLines: 500,
  /** How long a long poll (`nodes/poll`, `jobs/retrieve` with a wait) may be held. */
  maxWaitSeconds: 30,
  /** The same for a poll of a sleeping node, which wakes its machine. Proxies cut connections that are silent for a minute. */
  maxSuspendedWaitSeconds: 50,
  /** The most rows on one page. */
  maxPageSize: 500,
  /** The most upcoming fires in one list. */
  maxUpcomingFires: 500,
  /** The most jobs one request submits, cancels or retries. */
  maxBatchJobs: 1_000,
  maxCommandArguments: 4_096,
  maxCommandBytes: 1024 * 1024,
  maxEnvVariables: 1_000,
  /** Kernels accept no larger environment. */
  maxEnvBytes: 1024 * 1024,
  maxLabels: 100,
  /** The most jobs in `after` of a job. */
  maxAfter: 100,
  /** The results of one execution together, as JSON. */
  maxResultsBytes: 64 * 1024,
  /** The most outputs and results of one execution that are named because they could not be collected. */
  maxOutputProblems: 100,
  /** The same, as JSON. */
  maxOutputProblemsBytes: 64 * 1024,
  maxArrayJobs: 5_000,
  /** All stored jobs of an array together. Each holds the whole manifest, and they are stored in one write. */
  maxArrayBytes: 16 * 1024 * 1024,
} as const;
