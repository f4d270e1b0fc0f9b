import type { JobState } from "../job.ts";

/** What one call of actions/checkout asks for. */
export interface Checkout {
  job: JobState;
  signal: AbortSignal;
  /** Writes a line to the log. */
  say(text: string): void;
  /** OWNER/NAME. */
  repository: string;
  /** A branch, a tag or a commit; "": the default. */
  ref: string;
  /** Where the files go, absolute. */
  directory: string;
  /** 0: the whole history. */
  depth: number;
  tags: boolean;
  token: string;
  /** `https://github.com`. */
  serverUrl: string;
}
