import type { WorkflowEvent } from "../../../shared/workflow-run.ts";
import type { JobPlan, JobReport, JobServices, RunJob } from "../job.ts";
import type { RunPlan } from "../plan.ts";
import type { ReadRemote } from "./load-workflows.ts";

/** What the engine needs from the process that it runs in. */
export interface EngineIo {
  /** A line of the log, without its newline. The promise resolves when the reader has it. */
  write(line: string): Promise<void> | void;
  /** What happens, as it goes to the file of events. */
  onEvent?: ((event: WorkflowEvent) => void) | undefined;
  /** Cancels the run: steps get their time to end, then steps with always() run. */
  signal: AbortSignal;
  /** Ends the run at once. */
  hurry: AbortSignal;
}

/** How the engine ends: an exit code. */
export type EngineExit = 0 | 1 | 65 | 130;

/** The other parts of the engine, for one run. */
export interface EngineParts {
  runJob: RunJob;
  /** What the steps of one job need. */
  servicesFor(job: JobPlan, report: JobReport): Promise<JobServices>;
  readRemote: ReadRemote;
  close(): Promise<void>;
  /** Removes the containers of a run that nobody waits for any more. */
  abandon(): Promise<void>;
}

/** @param run.repository OWNER/NAME */
export type MakeParts = (
  plan: RunPlan,
  run: { repository: string; signal: AbortSignal; hurry: AbortSignal },
) => EngineParts;
