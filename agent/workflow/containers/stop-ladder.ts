import { stopTimes } from "../stop-times.ts";

/** Sends the signals of a cancelled step once `cancel` fires, until `end`. */
export function stopLadder(
  cancel: AbortSignal,
  send: (signal: "INT" | "TERM" | "KILL") => Promise<void>,
): { end(): void } {
  const timers: ReturnType<typeof setTimeout>[] = [];
  // What cannot be signalled is gone, or is killed by the next step of the ladder.
  const give = (signal: "INT" | "TERM" | "KILL") => void send(signal).catch(() => {});
  const begin = () => {
    give("INT");
    const { fromIntToTermMs, fromTermToKillMs } = stopTimes;
    timers.push(setTimeout(give, fromIntToTermMs, "TERM"));
    timers.push(setTimeout(give, fromIntToTermMs + fromTermToKillMs, "KILL"));
  };
  if (cancel.aborted) begin();
  else cancel.addEventListener("abort", begin, { once: true });
  return {
    end() {
      cancel.removeEventListener("abort", begin);
      for (const timer of timers) clearTimeout(timer);
    },
  };
}
