import type { CallId } from "../shared/endpoints/index.ts";

/** A connection to the server that stays open, and carries calls in place of HTTP; see `shared/call-frames.ts`. */
export interface Line {
  /**
   * Makes a call. Resolves with undefined if it must go by HTTP; nothing was sent then. Throws UnreachableError if the
   * connection ends before the answer, and the signal's reason when aborted.
   */
  call(id: CallId, input: unknown, options: LineCallOptions): Promise<LineAnswer | undefined>;
}

export interface LineCallOptions {
  signal: AbortSignal;
  idempotencyKey?: string | undefined;
}

export interface LineAnswer {
  /** 200 with the endpoint's output, or the status of a problem. */
  status: number;
  /** JSON. */
  body: string;
  retryAfterSeconds?: number;
}
