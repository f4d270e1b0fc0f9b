/** The longest delay a timer accepts; a longer one would fire immediately. */
export const MAX_TIMER_MS = 2_147_000_000;
const MAX_COLLISION_PAUSE_MS = 20;

/** Resolves after `ms`, or earlier if one of the signals fires. Never rejects. */
export function pause(ms: number, ...signals: (AbortSignal | undefined)[]): Promise<void> {
  return new Promise((resolve) => {
    if (signals.some((signal) => signal?.aborted)) return resolve();
    const done = () => {
      clearTimeout(timer);
      for (const signal of signals) signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    for (const signal of signals) signal?.addEventListener("abort", done, { once: true });
  });
}

/** The outcome of the promise, or undefined if it has none after `ms`. Rejects if the promise does. */
export async function inTime<T>(ms: number, promise: Promise<T>): Promise<T | undefined> {
  const outcome = await orLate(ms, promise);
  return outcome === LATE ? undefined : outcome;
}

/** The outcome of the promise. Throws the error of `late` if it has none after `ms`. */
export async function withLimit<T>(ms: number, promise: Promise<T>, late: () => Error): Promise<T> {
  const outcome = await orLate(ms, promise);
  if (outcome === LATE) throw late();
  return outcome;
}

const LATE = Symbol("late");

async function orLate<T>(ms: number, promise: Promise<T>): Promise<T | typeof LATE> {
  const limit = Promise.withResolvers<typeof LATE>();
  const timer = setTimeout(() => limit.resolve(LATE), ms);
  try {
    return await Promise.race([promise, limit.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Pauses for a random time up to a fiftieth of a second, so that two writers that collided do not collide again. */
export function letOthersGo(): Promise<void> {
  return pause(1 + Math.random() * MAX_COLLISION_PAUSE_MS);
}

/** How long to wait after failures: first about `firstMs`, then longer and longer, but never longer than `maxMs`. */
export interface Backoff {
  firstMs: number;
  maxMs: number;
}

/**
 * Milliseconds to wait after a failure that followed `failures` others. The ceiling doubles with each failure; half of the
 * wait is random ("equal jitter"), so callers that failed together do not come back together.
 */
export function backoffMs(
  { firstMs, maxMs }: Backoff,
  failures: number,
  random: () => number = Math.random,
): number {
  // A larger exponent would overflow; the ceiling is reached long before.
  const ceilingMs = Math.min(maxMs, firstMs * 2 ** Math.min(failures, 30));
  return ceilingMs / 2 + (ceilingMs / 2) * random();
}

/**
 * A bell between those who make work and the one loop that does it. A ring while nobody waits is remembered; any number
 * of rings count as one.
 */
export class Bell {
  private rung = false;
  private wake: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.wake?.();
  }

  /** Resolves at the next ring, after `maxMs`, or when the signal fires. One waiter at a time. */
  async wait(signal: AbortSignal, maxMs: number): Promise<void> {
    if (!this.rung && !signal.aborted) {
      const over = Promise.withResolvers<void>();
      this.wake = over.resolve;
      signal.addEventListener("abort", this.wake, { once: true });
      await inTime(maxMs, over.promise);
      signal.removeEventListener("abort", this.wake);
    }
    this.wake = undefined;
    this.rung = false;
  }
}

/** The outcome of the promise; throws the signal's reason if that fires first, and the promise goes on alone. */
export async function untilAborted<T>(
  promise: Promise<T> | undefined,
  signal: AbortSignal | undefined,
): Promise<T | undefined> {
  let abort = () => {};
  const aborted = new Promise<never>((_, reject) => {
    abort = () => reject(signal?.reason);
  });
  if (signal?.aborted) abort();
  signal?.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal?.removeEventListener("abort", abort);
  }
}
