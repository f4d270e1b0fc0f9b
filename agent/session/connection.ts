import { ComputeError, isTemporary, OtherServerError, UnreachableError } from "../../sdk/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5_000;
const PATIENT_BACKOFF_MAX_MS = 60_000;

export interface ConnectionListener {
  /** The first failure after an answer: what is unsent belongs on disk. */
  serverAway(): void;
  /** The first answer after a failure. */
  serverBack(): void;
}

/** Whether the server answers, as all loops of the agent see it together. */
export class Connection {
  listener: ConnectionListener | undefined;
  /** While the agent sleeps, a server that is away is asked for far less often. */
  isPatient = false;
  private readonly log: Logger;
  private awaySinceMs: number | undefined;
  private toldOfOther = false;
  private lastAnswerAtMs: number | undefined;
  private back = new AbortController();

  constructor(log: Logger) {
    this.log = log;
  }

  /** By this machine's clock; undefined: it answered last time, or was not asked yet. */
  get awaySince(): string | undefined {
    if (this.awaySinceMs === undefined) return undefined;
    return new Date(Date.now() - (performance.now() - this.awaySinceMs)).toISOString();
  }

  /** undefined: the server has never answered. */
  get lastAnswerAt(): string | undefined {
    return this.lastAnswerAtMs === undefined ? undefined : new Date(this.lastAnswerAtMs).toISOString();
  }

  /**
   * Repeats `step` with growing pauses until the server answers it. Throws what the server says no to, and the
   * signal's reason. `step` must be harmless to repeat.
   */
  async attempt<T>(signal: AbortSignal, step: () => Promise<T>): Promise<T> {
    for (let failures = 0; ; failures++) {
      signal.throwIfAborted();
      try {
        const result = await step();
        this.answered();
        return result;
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        if (!mayComeRight(error)) {
          if (error instanceof ComputeError) this.answered();
          throw error;
        }
        this.failed(error);
        await this.untilNextTry(this.backoffMs(failures, error), signal);
      }
    }
  }

  /** What waits for its next attempt makes it now. */
  hurry(): void {
    this.back.abort();
    this.back = new AbortController();
  }

  private answered(): void {
    this.lastAnswerAtMs = Date.now();
    this.toldOfOther = false;
    if (this.awaySinceMs === undefined) return;
    const awaySeconds = Math.round((performance.now() - this.awaySinceMs) / 100) / 10;
    this.awaySinceMs = undefined;
    this.log.info(`The server is back after ${awaySeconds} s.`);
    this.back.abort();
    this.listener?.serverBack();
  }

  private failed(error: unknown): void {
    const isOther = error instanceof OtherServerError;
    // Who has taken the place of a server that is away is news.
    if (isOther && !this.toldOfOther && this.awaySinceMs !== undefined) this.log.warn(textOf(error));
    this.toldOfOther ||= isOther;
    if (this.awaySinceMs !== undefined) return;
    this.awaySinceMs = performance.now();
    this.back = new AbortController();
    this.log.warn(`${textOf(error)} Trying again until it answers; running jobs go on.`);
    this.listener?.serverAway();
  }

  private backoffMs(failures: number, error: unknown): number {
    const maxMs = this.isPatient ? PATIENT_BACKOFF_MAX_MS : BACKOFF_MAX_MS;
    const ceilingMs = Math.min(maxMs, BACKOFF_FIRST_MS * 2 ** Math.min(failures, 10));
    const askedMs = error instanceof ComputeError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
    return Math.max(ceilingMs / 2 + (ceilingMs / 2) * Math.random(), Math.min(askedMs, 60_000));
  }

  /** Ends early when another loop finds the server back. */
  private async untilNextTry(ms: number, signal: AbortSignal): Promise<void> {
    const either = new AbortController();
    const end = () => either.abort();
    signal.addEventListener("abort", end, { once: true });
    this.back.signal.addEventListener("abort", end, { once: true });
    await pause(ms, either.signal);
    signal.removeEventListener("abort", end);
    this.back.signal.removeEventListener("abort", end);
  }
}

/** An agent outlives more than a command: what answers in place of its server today may be gone tomorrow. */
function mayComeRight(error: unknown): boolean {
  return error instanceof UnreachableError || isTemporary(error);
}
