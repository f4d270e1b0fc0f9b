import type { CallId, EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import { wire } from "../shared/endpoints/wire/index.ts";
import { ComputeError } from "../shared/errors.ts";
import { backoffMs, pause } from "../shared/wait.ts";
import type { CallOptions, ComputeClient } from "./client.ts";
import { isTemporary } from "./errors.ts";

/**
 * How long to keep trying while the server is away: no answer, or an error whose code is retryable. Pauses grow from
 * 0.1 s to 5 s, or last as long as the server's Retry-After.
 */
export interface Patience {
  /** Ends the call, and any pause between attempts; the call then throws the signal's reason. */
  signal?: AbortSignal;
  /** Before the first answer, so a wrong URL is reported soon. Default: 10 s. */
  firstMs?: number;
  /** Once the server has answered: it may be restarting, or the network may be down. Default: 10 minutes. */
  awayMs?: number;
  /** Called once when the server goes away, with the error and whether it has ever answered. */
  onAway?: (error: Error, answered: boolean) => void;
  /** Called once when the server is back. */
  onBack?: () => void;
}

const BACKOFF = { firstMs: 100, maxMs: 5_000 };
const DEFAULT_FIRST_MS = 10_000;
const DEFAULT_AWAY_MS = 10 * 60_000;

/** Decides when to try again and when to give up, over all requests of one conversation with a server. */
export class Outage {
  private answered = false;
  private sinceMs: number | undefined;
  private failures = 0;

  constructor(private readonly patience: Patience) {}

  /** The server answered. */
  over(): void {
    if (this.sinceMs !== undefined) this.patience.onBack?.();
    this.answered = true;
    this.sinceMs = undefined;
    this.failures = 0;
  }

  /** The outcome of a step that may be repeated, once the server carries it out. */
  async trying<T>(step: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        const outcome = await step();
        this.over();
        return outcome;
      } catch (error) {
        await this.wait(error);
      }
    }
  }

  /** Waits until it is time to try again. Throws `error` if a retry cannot help or patience has run out. */
  async wait(error: unknown): Promise<void> {
    const { signal, firstMs = DEFAULT_FIRST_MS, awayMs = DEFAULT_AWAY_MS, onAway } = this.patience;
    signal?.throwIfAborted();
    if (!isTemporary(error)) throw error;
    const nowMs = performance.now();
    if (this.sinceMs === undefined) {
      this.sinceMs = nowMs;
      onAway?.(error, this.answered);
    }
    const askedMs = error instanceof ComputeError ? (error.retryAfterSeconds ?? 0) * 1_000 : 0;
    const pauseMs = Math.max(askedMs, backoffMs(BACKOFF, this.failures));
    if (nowMs - this.sinceMs + pauseMs > (this.answered ? awayMs : firstMs)) throw error;
    this.failures++;
    await pause(pauseMs, signal);
    signal?.throwIfAborted();
  }
}

/** Calls an endpoint, and again while the server is away if repeating the call is safe. */
export async function callPatiently<Id extends CallId>(
  client: ComputeClient,
  id: Id,
  input: EndpointInput<Id>,
  options: CallOptions & Patience = {},
  outage = new Outage(options),
): Promise<EndpointOutput<Id>> {
  // With an empty key the server could not recognise a repeated call.
  const repeatable = wire[id].repeatable || Boolean(options.idempotencyKey);
  for (;;) {
    try {
      const output = await client.call(id, input, options);
      outage.over();
      return output;
    } catch (error) {
      if (!repeatable) throw error;
      await outage.wait(error);
    }
  }
}
