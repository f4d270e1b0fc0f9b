import { z } from "zod";
import { artifactId, executionId, jobId, nodeId } from "./ids.ts";
import { resources } from "./job-fields.ts";
import { executionStatus } from "./job-status.ts";
import { limits } from "./limits.ts";
import { reason } from "./reasons.ts";
import { timestamp } from "./timestamp.ts";
import { workflowRun } from "./workflow-run.ts";

/** How an execution ended, and the resources it used. */
export const executionEnd = z.object({
  /** The command's exit status; absent if a signal ended it or it never started. */
  exitCode: z.int().optional(),
  /** The signal that ended the command, such as `SIGKILL`. */
  signal: z.string().max(32).optional(),
  reason: reason.optional(),
  /** One sentence for people: what failed, with the numbers involved. */
  message: z.string().max(4_096).optional(),
  /** User and system CPU time of the command and its children. */
  cpuSeconds: z.number().min(0).optional(),
  /** MiB; the highest resident size seen for the whole process group. */
  peakMemoryMb: z.number().min(0).optional(),
  /** The lines that the job wrote to $TANVRIT_RESULTS, as key and value. */
  results: z.record(z.string().max(200), z.string()).optional(),
  /** The artifact with its outputs; absent if it has none. */
  artifactId: artifactId.optional(),
  /** Outputs and results that could not be collected, and why. */
  outputProblems: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .max(limits.maxOutputProblems)
    .optional(),
});
export type ExecutionEnd = z.infer<typeof executionEnd>;

/** One attempt of a job on one node, as the API shows it. */
export const execution = executionEnd.extend({
  executionId,
  jobId,
  nodeId,
  /** Counts from 1. */
  attempt: z.int().min(1),
  status: executionStatus,
  resources: resources(),
  gpuIndexes: z.array(z.int()),
  /** Lines stored so far. */
  logLines: z.int(),
  /** Only when the execution of a workflow is retrieved. */
  workflowRun: workflowRun.optional(),
  assignedAt: timestamp,
  startedAt: timestamp.optional(),
  finishedAt: timestamp.optional(),
});
export type Execution = z.infer<typeof execution>;
