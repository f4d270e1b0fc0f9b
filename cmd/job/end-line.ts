import { safeLine } from "../../shared/terminal-text.ts";

/** What is known about how a job ended. */
export interface Ended {
  jobId: string;
  status: string;
  exitCode?: number | undefined;
  signal?: string | undefined;
  reason?: string | undefined;
  message?: string | undefined;
}

/** `job_… FAILED: exit code 2` */
export function endLine(job: Ended): string {
  const ownEnd = job.signal ?? (job.exitCode ? `exit code ${job.exitCode}` : undefined);
  const why = [job.reason ?? ownEnd, job.message].filter(Boolean).join(": ");
  // A message from a node must not look like a line of our own.
  return `${job.jobId} ${job.status}${why ? `: ${safeLine(why)}` : ""}`;
}
