/** What a request aborts itself with when it took too long. */
export class TimeLimitError extends Error {
  override name = "TimeLimitError";
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`no answer within ${limitMs / 1_000} s`);
    this.limitMs = limitMs;
  }
}

/**
 * A signal that fires when the caller's does, or when `limitMs` have passed since the start or the last `renew()`, `pause()` apart.
 * `clear()` must be called at the end: it frees the timer and the listener, which a plain `AbortSignal.any` with
 * `AbortSignal.timeout` would keep until the limit has passed.
 */
export class TimeLimit {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout>;
  private readonly caller: AbortSignal | undefined;
  private readonly limitMs: number;
  private readonly forward = () => this.controller.abort(this.caller?.reason);
  private readonly expire = () => this.controller.abort(new TimeLimitError(this.limitMs));

  constructor(limitMs: number, caller: AbortSignal | undefined) {
    this.limitMs = limitMs;
    this.caller = caller;
    this.timer = setTimeout(this.expire, limitMs);
    if (caller?.aborted) this.forward();
    else caller?.addEventListener("abort", this.forward, { once: true });
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  renew(): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(this.expire, this.limitMs);
  }

  /** Stops the clock until `renew()`. */
  pause(): void {
    clearTimeout(this.timer);
  }

  clear(): void {
    clearTimeout(this.timer);
    this.caller?.removeEventListener("abort", this.forward);
  }
}
