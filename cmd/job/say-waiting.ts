import type { Compute, Job } from "../../sdk/index.ts";
import { patience } from "../connection/connect.ts";
import type { Output } from "../output/output.ts";

/** If a job is still queued after this long, the reason is reported. */
const SOON_MS = 2_000;

/** Says immediately that no node could ever run the job, and what would have to change on the closest node. */
export async function sayUnschedulable(compute: Compute, job: Job, output: Output): Promise<void> {
  const { jobId, unschedulableReason } = job;
  if (unschedulableReason === undefined) return;
  const signal = AbortSignal.timeout(SOON_MS);
  const hint = await compute.jobs.why(jobId, patience(output, signal)).then(
    (report) => report.hint,
    // The reason is useful without a hint.
    () => undefined,
  );
  const more = hint === undefined || unschedulableReason.includes(hint) ? "" : ` ${hint}`;
  await output.note(`tanvrit-compute: ${jobId} is waiting. ${unschedulableReason}${more}`);
}

/**
 * Says why a job has not started: immediately if no node could ever run it, else when it has waited for a while. Dispose
 * of it when the job starts, and when nobody waits any longer.
 */
export function sayWhyItWaits(compute: Compute, job: Job, output: Output): Disposable {
  const gone = new AbortController();
  const stop = { [Symbol.dispose]: () => gone.abort() };
  if (job.status !== "QUEUED" || job.array !== undefined) return stop;
  // A note that cannot be written must not end the command.
  if (job.unschedulableReason !== undefined) {
    sayUnschedulable(compute, job, output).catch(() => undefined);
    return stop;
  }
  const timer = setTimeout(() => {
    compute.jobs
      .why(job.jobId, patience(output, gone.signal))
      .then(({ waitsFor, summary, hint }) => {
        if (gone.signal.aborted || waitsFor === "nothing" || waitsFor === "turn") return;
        const more = hint === undefined ? "" : ` ${hint}`;
        return output.note(`tanvrit-compute: ${job.jobId} is waiting. ${summary}${more}`);
      })
      // The wait goes on without the reason.
      .catch(() => undefined);
  }, SOON_MS);
  timer.unref();
  gone.signal.addEventListener("abort", () => clearTimeout(timer));
  return stop;
}
