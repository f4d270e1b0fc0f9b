import { MAX_TIMER_MS, pause } from "../../shared/wait.ts";

/** Waits for something that goes on even if this wait ends. Throws the signal's reason if it fires first. */
export async function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  const settled = new AbortController();
  await Promise.race([promise, pause(MAX_TIMER_MS, signal, settled.signal)]);
  settled.abort();
  signal.throwIfAborted();
}
