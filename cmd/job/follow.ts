import type { Compute, Job } from "../../sdk/index.ts";
import { patience } from "../connection/connect.ts";
import { exitCodeOfJob } from "../exit/exit-codes.ts";
import { isTerminal } from "../input/is-terminal.ts";
import type { Output } from "../output/output.ts";
import { watchReader } from "../output/standard-streams.ts";
import { attached } from "./attached.ts";
import { type Ended, endLine } from "./end-line.ts";
import { LogWriter } from "./log-writer.ts";
import { sayWhyItWaits } from "./say-waiting.ts";

/**
 * Shows a job's output until it is over. Resolves with the job's exit code. On a terminal it keeps up with the job and
 * marks what it leaves out; elsewhere the output is data, and every byte is written, however slow the reader.
 */
export function followJob(
  compute: Compute,
  job: Job,
  output: Output,
  options: { json: boolean; tail?: number; "no-prefix": boolean; cancelOnExit?: boolean },
): Promise<number> {
  const { jobId } = job;
  const { json, tail, cancelOnExit } = options;
  const whole = json || !isView();
  const view = async (signal: AbortSignal) => {
    if (job.array !== undefined) {
      const { followArray } = await import("./array-output.ts");
      return followArray(compute, job, output, signal, { json, tail, whole, bare: options["no-prefix"] });
    }
    using waiting = sayWhyItWaits(compute, job, output);
    await using writer = new LogWriter(output, { json, whole });
    const events = compute.jobs.follow(jobId, { ...patience(output, signal), tail, whole });
    for await (const event of events) {
      if (event.event !== "status" || event.data.status !== "QUEUED") waiting[Symbol.dispose]();
      await writer.write(event);
      if (event.event !== "end") continue;
      await sayEnd(output, event.data);
      writer.expectWhole(jobId);
      return exitCodeOfJob(event.data);
    }
    // The SDK ends the iteration only after `end`; this is for a server that does otherwise.
    const ended = await compute.jobs.wait(jobId, patience(output, signal));
    writer.expectWhole(jobId);
    return exitCodeOfJob(ended);
  };
  return attached(compute, [jobId], output, view, { cancelOnExit, watchReader });
}

/** Both streams go to somebody who watches. */
function isView(): boolean {
  return isTerminal(1) && isTerminal(2);
}

/** Says how a job ended if its exit code alone does not. */
async function sayEnd(output: Output, end: Ended): Promise<void> {
  if (end.status === "SUCCESS" || (end.status === "FAILED" && !end.reason && !end.message)) return;
  const { exitCode: _exitCode, signal: _signal, ...said } = end;
  await output.note(`tanvrit-compute: ${endLine(said)}`);
}
