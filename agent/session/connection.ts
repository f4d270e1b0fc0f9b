import { ComputeError, isTemporary, OtherServerError, UnreachableError } from "../../sdk/errors.ts";
import { Emitter } from "../../shared/emitter.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { backoffMs, pause } from "../../shared/wait.ts";

const BACKOFF = { firstMs: 100, maxMs: 5_000 };
const PATIENT_BACKOFF = { firstMs: 100, maxMs: 60_000 };
/** A server that asks for a longer pause is asked again after this. */
const MAX_ASKED_MS = 60_000;

/** Whether the server answers. All loops of the agent share it. */
export class Connection {
  /** The first failure after an answer: unsent output belongs on disk. */
  readonly serverAway = new Emitter();
  /** The first answer after a failure. */
  readonly serverBack = new Emitter();
  /** While the agent sleeps, it retries a server that is away far less often. */
  isPatient = false;
  private awaySinceMs: number | undefined;
  private hasWarnedOfOther = false;
  private lastAnswerAtMs: number | undefined;
  /** Ends the pause before the next try of every waiting call. */
  private waitsEnd = new AbortController();

  constructor(private readonly log: Logger) {}

  /** By this machine's clock; undefined: the server answered last time, or was not asked yet. */
  get awaySince(): string | undefined {
    if (this.awaySinceMs === undefined) return undefined;
    return new Date(Date.now() - (performance.now() - this.awaySinceMs)).toISOString();
  }

  /** undefined: the server has never answered. */
  get lastAnswerAt(): string | undefined {
    return this.lastAnswerAtMs === undefined ? undefined : new Date(this.lastAnswerAtMs).toISOString();
  }

  /**
   * Repeats `step` with growing pauses until the server answers. Throws the error when the server refuses, and the
   * signal's reason when the signal fires. `step` must be safe to repeat.
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
        if (!isWorthRetrying(error)) {
          if (error instanceof ComputeError) this.answered();
          throw error;
        }
        this.failed(error);
        await pause(this.pauseMs(failures, error), signal, this.waitsEnd.signal);
      }
    }
  }

  /** Every call that waits for its next try makes it now. */
  hurry(): void {
    this.waitsEnd.abort();
    this.waitsEnd = new AbortController();
  }

  private answered(): void {
    this.lastAnswerAtMs = Date.now();
    this.hasWarnedOfOther = false;
    if (this.awaySinceMs === undefined) return;
    const awaySeconds = Math.round((performance.now() - this.awaySinceMs) / 100) / 10;
    this.awaySinceMs = undefined;
    this.log.info(`The server is back after ${awaySeconds} s.`);
    this.waitsEnd.abort();
    this.serverBack.emit();
  }

  private failed(error: unknown): void {
    const isOther = error instanceof OtherServerError;
    // Another server in the place of one that is away is worth a warning of its own.
    if (isOther && !this.hasWarnedOfOther && this.awaySinceMs !== undefined) this.log.warn(textOf(error));
    this.hasWarnedOfOther ||= isOther;
    if (this.awaySinceMs !== undefined) return;
    this.awaySinceMs = performance.now();
    this.waitsEnd = new AbortController();
    this.log.warn(`${textOf(error)} Trying again until it answers; running jobs continue.`);
    this.serverAway.emit();
  }

  private pauseMs(failures: number, error: unknown): number {
    const askedMs = error instanceof ComputeError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
    const ownMs = backoffMs(this.isPatient ? PATIENT_BACKOFF : BACKOFF, failures);
    return Math.max(ownMs, Math.min(askedMs, MAX_ASKED_MS));
  }
}

/** An agent waits longer than a command: another server that answers at the URL today may be gone tomorrow. */
function isWorthRetrying(error: unknown): boolean {
  return error instanceof UnreachableError || isTemporary(error);
}
