/** How often a condition is looked at that nothing announces, as the state of another process. */
const LOOK_EVERY_MS = 10;
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Resolves with the first value of `look` that is neither undefined nor false. Throws, naming what was waited for and
 * what was seen last, when `timeoutMs` have passed.
 */
export async function waitFor<T>(
  what: string,
  look: () => T | undefined | false | Promise<T | undefined | false>,
  options: { timeoutMs?: number; seen?: () => unknown } = {},
): Promise<T> {
  const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (value !== undefined && value !== false) return value;
    if (performance.now() > deadline) {
      const seen = options.seen ? ` Seen last: ${Bun.inspect(options.seen())}` : "";
      throw new Error(`waited ${timeoutMs} ms for ${what}, in vain.${seen}`);
    }
    await Bun.sleep(LOOK_EVERY_MS);
  }
}

/** `promise`, or an error naming what it is when it takes longer. */
export async function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const TRIES = 3;

/**
 * The shortest of the times that `attempt` takes, tried again where it is not below `limitMs`: a machine that has much
 * else to do is late once, and what is too slow is so each time.
 */
export async function quickest(limitMs: number, attempt: () => Promise<number>): Promise<number> {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && leastMs >= limitMs; i++) leastMs = Math.min(leastMs, await attempt());
  return leastMs;
}
