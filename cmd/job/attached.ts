import type { Compute } from "../../sdk/index.ts";
import { patience } from "../connect.ts";
import { LeftError } from "../failure.ts";
import type { Output } from "../output.ts";

/** A second Ctrl-C within this time means the job, not only our view of it. */
const CANCEL_WITHIN_MS = 2_000;

/**
 * Runs something that waits for a job while Ctrl-C keeps its meaning: once leaves the job alone and ends the wait,
 * twice cancels the job and waits for its end, a third time ends the wait anyway. Throws LeftError when it was left.
 */
export async function attached<T>(
  compute: Compute,
  jobIds: readonly string[],
  output: Output,
  body: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const left = new AbortController();
  let interrupts = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const detach = () => left.abort(new LeftError());
  const tell = (line: string) => {
    // Ctrl-C must work also where nobody reads what we say.
    output.note(`\ntanvrit-compute: ${line}`).catch(() => undefined);
  };
  const cancelAll = async () => {
    for (const jobId of jobIds) await compute.jobs.cancel(jobId, patience(output, left.signal));
  };
  const onInterrupt = () => {
    interrupts++;
    if (interrupts === 1) {
      tell(`leaving; the job goes on. Press Ctrl-C again within ${CANCEL_WITHIN_MS / 1_000} s to cancel it.`);
      timer = setTimeout(detach, CANCEL_WITHIN_MS);
    } else if (interrupts === 2) {
      clearTimeout(timer);
      tell("cancelling the job; once more leaves without waiting for its end.");
      cancelAll().catch((error: unknown) => left.abort(error));
    } else {
      detach();
    }
  };
  process.on("SIGINT", onInterrupt);
  try {
    return await body(left.signal);
  } catch (error) {
    if (left.signal.reason instanceof LeftError) {
      await output.note(`tanvrit-compute: to follow it again: tanvrit-compute job logs -f ${jobIds[0]}`);
    }
    throw error;
  } finally {
    clearTimeout(timer);
    process.off("SIGINT", onInterrupt);
  }
}
