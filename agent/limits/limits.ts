/** What a job may use at most; a field that is absent is not limited. */
export interface TaskLimits {
  /** Cores; may be a fraction. */
  cpu?: number;
  /** MiB of memory, all processes of the job together. */
  memoryMb?: number;
  /** Processes and threads at once. */
  pids?: number;
}

export interface ExceededLimit {
  limit: "memoryMb" | "pids";
  /** In the limit's own unit. */
  allowed: number;
  /** The most that was seen; absent where nobody could measure it. */
  peak?: number;
}

export interface TaskUsage {
  cpuSeconds?: number;
  /** MiB; absent where it is not known. */
  peakMemoryMb?: number;
}

/** Who keeps a limit: the kernel at every moment, samples a few times a second, or nobody. */
export type Enforcement = "kernel" | "sampling" | "none";
