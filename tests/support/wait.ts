import { withLimit } from "../../shared/wait.ts";

/** How often to check a condition that has no event, such as the state of another process. */
const LOOK_EVERY_MS = 10;
const DEFAULT_TIMEOUT_MS = 10_000;

/**
 * Returns the first value of `look` that is neither undefined nor false. After `timeoutMs` it throws an error that says
 * what it waited for and what it saw last.
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
      const seen = options.seen ? ` Last seen: ${Bun.inspect(options.seen())}` : "";
      throw new Error(`waited ${timeoutMs} ms in vain for ${what}.${seen}`);
    }
    await Bun.sleep(LOOK_EVERY_MS);
  }
}

/** Returns the result of `promise`, or throws an error that says what took too long. */
export function within<T>(timeoutMs: number, what: string, promise: Promise<T>): Promise<T> {
  return withLimit(timeoutMs, promise, () => new Error(`${what} took longer than ${timeoutMs} ms`));
}

const TRIES = 3;

/**
 * The shortest time that `attempt` takes. Tries again if the time is not below `limitMs`: a busy machine is late once,
 * but something that is too slow is late every time.
 */
export async function quickest(limitMs: number, attempt: () => Promise<number>): Promise<number> {
  let leastMs = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && leastMs >= limitMs; i++) leastMs = Math.min(leastMs, await attempt());
  return leastMs;
}
