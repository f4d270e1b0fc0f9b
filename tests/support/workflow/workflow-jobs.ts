import type { JobManifestInput } from "../../../shared/manifest.ts";
import type { WorkflowRequest } from "../../../shared/workflow-request.ts";
import type { WorkflowRun } from "../../../shared/workflow-run.ts";
import type { FilesOfJobs } from "../files-of-jobs.ts";

const PATH = ".github/workflows/ci.yml";

export interface WorkflowJobOptions {
  files?: Record<string, string>;
  request?: Partial<WorkflowRequest>;
  job?: Partial<JobManifestInput>;
}

/** A job that runs this workflow of a repository with these files. */
export async function workflowJob(
  jobs: FilesOfJobs,
  workflow: string,
  { files = {}, request = {}, job = {} }: WorkflowJobOptions = {},
): Promise<JobManifestInput> {
  const from = await jobs.input({ ...files, [PATH]: workflow });
  return {
    type: "GITHUB_ACTION",
    workflow: { path: PATH, event: "push", ...request },
    inputs: [{ from, to: "source" }],
    ...job,
  };
}

/** Submits such a job, and returns it once it is over. */
export async function runWorkflowJob(jobs: FilesOfJobs, workflow: string, options?: WorkflowJobOptions) {
  const { jobId } = await jobs.submit(await workflowJob(jobs, workflow, options));
  await jobs.compute.jobs.wait(jobId);
  return { jobId, job: await jobs.compute.jobs.retrieve(jobId) };
}

/** How each job of a run ended, by its key, and how each of its steps did: `build: success | Run echo hi: success`. */
export function endings(run: WorkflowRun | undefined): string[] {
  return (run?.jobs ?? []).map(({ key, conclusion, steps }) => {
    const main = steps.filter(({ kind }) => kind === "main");
    return [`${key}: ${conclusion}`, ...main.map((step) => `${step.name}: ${step.conclusion}`)].join(" | ");
  });
}
