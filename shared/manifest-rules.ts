import { z } from "zod";
import { readArrayIndexes } from "./array-indexes.ts";
import {
  type FieldsSchema,
  type GivenFields,
  GRACE_OF_TYPE,
  GRACE_SECONDS,
  WORKFLOW_GRACE_SECONDS,
} from "./job-fields.ts";
import { parseInputSource } from "./job-files.ts";
import { limits } from "./limits.ts";
import type { JobManifestInput } from "./manifest.ts";
import { textOf } from "./text-of.ts";
import { SOURCE_DIRECTORY } from "./workflow-request.ts";

type JobFields = z.output<FieldsSchema>;

/** The schema of a manifest with these fields. */
export function asManifest<Fields extends z.ZodType<GivenFields>>(fields: Fields): Fields {
  return fields
    .superRefine((job, context) => {
      addProblems(job, context);
      for (const [i, { from }] of (job.inputs ?? []).entries()) {
        const message = sourceProblem(from);
        if (message !== undefined) context.addIssue({ code: "custom", path: ["inputs", i, "from"], message });
      }
    })
    .check(z.overwrite(withGrace));
}

/** Whether the submitter has the repository of the workflow: nothing else in the job brings it. */
export function needsOwnSource({
  type,
  workflow,
  inputs,
}: Pick<JobManifestInput, "type" | "workflow" | "inputs">): boolean {
  const hasSource = workflow?.clone !== undefined || inputs?.some(({ to }) => to === SOURCE_DIRECTORY);
  return type === "GITHUB_ACTION" && workflow !== undefined && !hasSource;
}

export function inputsWithSource(job: JobFields): JobFields["inputs"] {
  const { inputs = [] } = job;
  return needsOwnSource(job) ? [...inputs, { from: ".", to: SOURCE_DIRECTORY }] : job.inputs;
}

export function withGrace<Job extends GivenFields>(job: Job): Job {
  if (job.graceSeconds !== GRACE_OF_TYPE) return job;
  return { ...job, graceSeconds: job.type === "GITHUB_ACTION" ? WORKFLOW_GRACE_SECONDS : GRACE_SECONDS };
}

/** What is wrong with several fields together. */
export function addProblems(job: GivenFields, context: z.RefinementCtx): void {
  const wrong = (path: string[], message: string) => context.addIssue({ code: "custom", path, message });
  const tooMuch = arraySizeProblem(job);
  if (tooMuch !== undefined) wrong(["array"], tooMuch);
  if (job.type === "GITHUB_ACTION") {
    addWorkflowProblems(job, wrong);
    return;
  }
  if (job.type === "DOCKER" && job.image === undefined)
    wrong(["image"], "is missing: a DOCKER job needs an image");
  if (job.type === "COMMAND" && job.command === undefined) wrong(["command"], "is missing");
  const foreign = { image: "DOCKER", docker: "DOCKER", workflow: "GITHUB_ACTION" } as const;
  for (const field of ["image", "docker", "workflow"] as const) {
    if (job[field] !== undefined && foreign[field] !== job.type)
      wrong([field], `only jobs of type ${foreign[field]} can use this; this job is of type ${job.type}`);
  }
}

function addWorkflowProblems(job: GivenFields, wrong: (path: string[], message: string) => void): void {
  for (const field of ["command", "image", "docker", "workdir", "stopSignal"] as const) {
    if (job[field] !== undefined)
      wrong([field], "jobs of type GITHUB_ACTION cannot use this: their workflow says what runs");
  }
  if (!job.workflow) {
    wrong(["workflow"], "is missing: a GITHUB_ACTION job needs a workflow");
    return;
  }
  const hasSource = job.inputs?.some(({ to }) => to === SOURCE_DIRECTORY) ?? false;
  if (hasSource && job.workflow.clone)
    wrong(["workflow", "clone"], `cannot be used together with an input that goes to ${SOURCE_DIRECTORY}`);
  else if (!hasSource && !job.workflow.clone)
    wrong(
      ["inputs"],
      `must have the repository of the workflow with to: ${SOURCE_DIRECTORY}; or set workflow.clone`,
    );
}

/** Why the jobs of an array are too much for one write; undefined for any other job. */
export function arraySizeProblem(job: GivenFields): string | undefined {
  if (job.array === undefined) return undefined;
  const read = readArrayIndexes(job.array);
  const bytes = "problem" in read ? 0 : JSON.stringify(job).length * read.indexes.length;
  if (bytes <= limits.maxArrayBytes) return undefined;
  return `its jobs have ${bytes} bytes together; at most ${limits.maxArrayBytes} are allowed`;
}

/** What is wrong with the source of an input that a server gets; undefined if nothing is. */
function sourceProblem(from: string): string | undefined {
  try {
    if (parseInputSource(from).kind !== "local") return undefined;
    return "must be artifact:art_… or job:job_…/GLOB; upload a local file first, with artifact upload";
  } catch (error) {
    return textOf(error);
  }
}
