import type { Job } from "../../../sdk/index.ts";

export function WorkflowPart({ job }: { job: Job }) {
  return <p>{job.jobId}</p>;
}
