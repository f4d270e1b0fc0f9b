import { readFileSync } from "node:fs";
import { constants } from "node:os";

/** The signals that end a command from outside: Ctrl-C, a supervisor or `timeout`, a terminal that closes. */
export const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
export type EndingSignal = (typeof ENDING_SIGNALS)[number];

/** How long the kernel may take to deliver a signal that we sent ourselves. */
const DELIVERY_MS = 1_000;

/**
 * Ends this process by the signal it got. A shell that sees a command end with 130 by itself takes it that the command
 * dealt with Ctrl-C, and goes on with its loop; one whose command died of SIGINT ends too.
 */
export async function dieOf(signal: EndingSignal): Promise<never> {
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  await Bun.sleep(DELIVERY_MS);
  process.exit(128 + constants.signals[signal]);
}

/** The signals of these that whoever started us did not have ignored, as nohup and `&` in a script do. */
export function heededSignals(): EndingSignal[] {
  const ignored = ignoredMask();
  return ENDING_SIGNALS.filter((name) => !((ignored >> BigInt(constants.signals[name] - 1)) & 1n));
}

function ignoredMask(): bigint {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1];
    return BigInt(`0x${mask ?? "0"}`);
  } catch {
    return 0n; // Not a Linux: there is no way to ask.
  }
}
