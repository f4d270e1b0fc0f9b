import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** The signals that end a command from outside: Ctrl-C, a supervisor or `timeout`, a closed terminal. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** How long the kernel may take to deliver a signal that we send ourselves. */
const DELIVERY_MS = 1_000;

/**
 * Ends this process by the signal it got. If a command exits with 130 by itself, the shell assumes that it handled
 * Ctrl-C, and continues its loop. If the command dies of SIGINT, the shell ends too.
 */
export async function dieOf(signal: EndingSignal): Promise<never> {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  await Bun.sleep(DELIVERY_MS);
  process.exit(128 + constants.signals[signal]);
}

/** The ending signals, except those our parent made us ignore, as nohup and `&` in a script do. */
export function heededSignals(): EndingSignal[] {
  const ignored = ignoredMask();
  return ENDING_SIGNALS.filter((name) => !((ignored >> BigInt(constants.signals[name] - 1)) & 1n));
}

function ignoredMask(): bigint {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return BigInt(`0x${mask ?? "0"}`);
  } catch {
    return 0n; // Not Linux: there is no way to ask.
  }
}
