/** What a detector found. A missing tool is not a problem; a tool that is installed and does not work is. */
export interface Finding<T> {
  /** Absent: the machine does not have it, or the detector could not tell. */
  found?: T;
  /** Sentences for the owner of the machine: what does not work, why, and what to do. */
  problems: string[];
}

export function absent<T>(...problems: string[]): Finding<T> {
  return { problems };
}

/** Joins two sentences. The first may come from a tool or an error, with any punctuation at its end. */
export function sentences(said: string, next: string): string {
  return `${said.replace(/[\s.:;,?!]+$/, "")}. ${next}`;
}

/** How long all detectors together may take; they run in parallel. */
export const DETECT_TIMEOUT_MS = 5_000;

/** Where detectors look, and how long. */
export interface DetectContext {
  /** The agent's environment: PATH, HOME, DOCKER_HOST, ANDROID_HOME … */
  environment: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  /** MiB of the machine's memory, which some GPUs share. */
  memoryMb: number;
  /** On the monotonic clock (`performance.now`). */
  deadlineMs: number;
  timeoutMs: number;
}
