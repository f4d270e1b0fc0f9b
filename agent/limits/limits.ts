/** The most that a job may use; an absent field is not limited. */
export interface TaskLimits {
  /** Cores; can be a fraction. */
  cpu?: number;
  /** MiB of memory for all processes of the job together. */
  memoryMb?: number;
  /** Processes and threads that exist at the same time. */
  pids?: number;
}

export interface ExceededLimit {
  limit: "memoryMb" | "pids";
  /** In the limit's own unit. */
  allowed: number;
  /** The highest value that was seen; absent if it could not be measured. */
  peak?: number;
}

export interface TaskUsage {
  cpuSeconds?: number;
  /** MiB; absent if unknown. */
  peakMemoryMb?: number;
}

/** What a job uses at a moment. */
export interface TaskSample {
  /** Since its start. */
  cpuSeconds: number;
  /** MiB, without pages of files if the kernel says how many there are. */
  memoryMb: number;
}

/** How a limit is enforced: by the kernel all the time, by samples a few times a second, or not at all. */
export type Enforcement = "kernel" | "sampling" | "none";
