import type { Job } from "../../../sdk/index.ts";

export function FilesPart({ job }: { job: Job }) {
  return <p>{job.jobId}</p>;
}
