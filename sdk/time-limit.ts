/** The reason a request is aborted with when it takes too long. */
export class TimeLimitError extends Error {
  override name = "TimeLimitError";

  constructor(readonly limitMs: number) {
    super(`no answer within ${limitMs / 1_000} s`);
  }
}

/**
 * A signal that fires when the caller's signal fires, or `limitMs` after the start or the last `renew()`; `pause()` stops
 * the clock. Call `clear()` at the end to free the timer and the listener: `AbortSignal.any` with `AbortSignal.timeout`
 * would keep both until the limit has passed.
 */
export class TimeLimit {
  private readonly controller = new AbortController();
  private timer: ReturnType<typeof setTimeout>;
  private readonly forward = () => this.controller.abort(this.caller?.reason);
  private readonly expire = () => this.controller.abort(new TimeLimitError(this.limitMs));

  constructor(
    private readonly limitMs: number,
    private readonly caller: AbortSignal | undefined,
  ) {
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
