import type { Compute } from "../../sdk/index.ts";
import { patience } from "../connect.ts";
import { exitCodeOfJob } from "../exit-codes.ts";
import type { Output } from "../output.ts";
import { attached } from "./attached.ts";
import { LogWriter } from "./log-writer.ts";

/** Shows a job's output until it is over. Resolves with the job's exit code. */
export function followJob(
  compute: Compute,
  jobId: string,
  output: Output,
  options: { json: boolean; tail?: number },
): Promise<number> {
  return attached(compute, [jobId], output, async (signal) => {
    await using writer = new LogWriter(output, options);
    const events = compute.jobs.follow(jobId, { ...patience(output, signal), tail: options.tail });
    let attempt = 0;
    for await (const event of events) {
      await writer.write(event);
      if (event.event === "status" && event.data.status === "RUNNING") {
        if (attempt > 0 && event.data.attempt > attempt) await sayAttempt(output, event.data.attempt);
        attempt = event.data.attempt;
      }
      if (event.event !== "end") continue;
      await sayEnd(output, event.data);
      return exitCodeOfJob(event.data);
    }
    // The SDK ends the iteration only after `end`; this is for a server that does otherwise.
    return exitCodeOfJob(await compute.jobs.wait(jobId, patience(output, signal)));
  });
}

function sayAttempt(output: Output, attempt: number): Promise<void> {
  return output.note(`tanvrit-compute: attempt ${attempt}`);
}

interface End {
  jobId: string;
  status: string;
  reason?: string;
  message?: string;
}

/** Says how a job ended where its exit code alone does not. */
export async function sayEnd(output: Output, end: End): Promise<void> {
  if (end.status === "SUCCESS" || (end.status === "FAILED" && !end.reason && !end.message)) return;
  const why = [end.reason, end.message].filter(Boolean).join(": ");
  await output.note(`tanvrit-compute: ${end.jobId} ${end.status}${why ? `: ${why}` : ""}`);
}
