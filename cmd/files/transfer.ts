import { inTime } from "../../shared/wait.ts";
import { LeftError } from "../exit/failure.ts";
import { heededSignals } from "../exit/signals.ts";
import type { Output } from "../output/output.ts";
import { ProgressLine } from "./progress.ts";

/** A terminal that does not take our last words must not keep us from ending. */
const LEAVE_LIMIT_MS = 1_000;

/** What to say when a signal ends a transfer, and what to show meanwhile. */
export interface TransferWords {
  /** `sending`. */
  verb: string;
  /** What the next try finds there. */
  stopped: string;
}

export const SENDING: TransferWords = {
  verb: "sending",
  stopped: "stopped. What was sent is kept for a while: the same command goes on from there.",
};
export const FETCHING: TransferWords = {
  verb: "fetching",
  stopped: "stopped. What was fetched is kept: the same command goes on from there.",
};

/**
 * Runs a transfer that shows its progress. Ctrl-C, TERM and HUP end it at once: throws LeftError, and the process must
 * die of it. The transfer is not aborted, so that it leaves what the next one goes on with.
 * `body` returns its result, and the summary for a terminal.
 */
export async function transfer<T>(
  output: Output,
  options: { json: boolean },
  words: TransferWords,
  body: (line: ProgressLine) => Promise<{ result: T; summary?: string }>,
): Promise<T> {
  const line = new ProgressLine(output, options, words.verb);
  const gone = Promise.withResolvers<never>();
  const stops = heededSignals().map((name) => {
    const leave = () => gone.reject(new LeftError(name));
    process.on(name, leave);
    return () => process.off(name, leave);
  });
  try {
    const { result, summary } = await Promise.race([body(line), gone.promise]);
    await line.end(summary);
    return result;
  } catch (error) {
    await inTime(LEAVE_LIMIT_MS, line.end());
    if (error instanceof LeftError) {
      // Nobody may read this any more.
      output.note(`tanvrit-compute: ${words.stopped}`).catch(() => undefined);
      await inTime(LEAVE_LIMIT_MS, output.settled());
    }
    throw error;
  } finally {
    for (const stop of stops) stop();
  }
}
