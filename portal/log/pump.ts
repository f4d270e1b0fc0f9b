import type { LogSource, LogSourceEvent } from "./source.ts";

/** How long events are taken before the browser may draw and answer the person. */
const SLICE_MS = 8;

/** Takes all events of a source, in slices, until it ends, the signal aborts, or `isEnough` says so. */
export async function pumpInto(
  source: LogSource,
  take: (event: LogSourceEvent) => void,
  signal: AbortSignal,
  isEnough: () => boolean = () => false,
): Promise<void> {
  let sliceEndMs = performance.now() + SLICE_MS;
  for await (const event of source) {
    if (signal.aborted) return;
    take(event);
    if (isEnough()) return;
    if (performance.now() < sliceEndMs) continue;
    await nextTask();
    sliceEndMs = performance.now() + SLICE_MS;
  }
}

/** Resolves in a task of its own, after what the browser has to do; unlike a timer, without waiting. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}
