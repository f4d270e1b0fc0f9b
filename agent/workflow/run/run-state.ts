import type { data } from "@actions/expressions";
import type { Conclusion, WorkflowJob } from "../../../shared/workflow-run.ts";
import type { RunPlan } from "../plan.ts";
import type { JsonObject } from "../trigger/merge.ts";
import type { EngineParts } from "./engine-io.ts";
import type { LoadedWorkflow } from "./load-workflows.ts";
import type { Recorder } from "./recorder.ts";
import type { NodeFacts } from "./runs-on.ts";
import type { Slots } from "./slots.ts";

/** What all jobs of a run share. */
export interface RunState {
  plan: RunPlan;
  recorder: Recorder;
  parts: EngineParts;
  /** The `github` context without what belongs to a job. */
  github: JsonObject;
  vars: data.ExpressionData;
  slots: Slots;
  /** Fires when somebody cancels the run. */
  cancel: AbortSignal;
  /** Runs the jobs of a workflow that a job calls. */
  runFrame(run: RunState, frame: Frame): Promise<ReadonlyMap<string, JobEnd>>;
  /** Counts the directories of jobs. */
  nextDirectory(): number;
  /** Names of `request.matrix` that a combination has with one of the wanted values. */
  foundInMatrix: Set<string>;
  /** Jobs of the attempt before by their key. */
  previous: ReadonlyMap<string, WorkflowJob>;
  /** The labels of this machine, and what labels of `runs-on` ask of them. */
  node: NodeFacts;
}

/** A workflow while it runs: that of the plan, or one that a job calls. */
export interface Frame {
  loaded: LoadedWorkflow;
  /** What stands before the keys, ids and names of its jobs: `release / `; "" at the top. */
  prefix: { key: string; id: string; name: string };
  inputs: data.ExpressionData;
  secrets: Readonly<Record<string, string>>;
  /** Fires when all its jobs are cancelled. */
  cancel: AbortSignal;
  /** The groups of `concurrency` that it is in, with those of the workflows above. */
  groups: readonly string[];
  /** Something that its caller needs ran again, so all its jobs do. */
  rerun: boolean;
}

/** How a job with all its combinations ended. */
export interface JobEnd {
  /** `needs.ID.result`: success if the job failed and has continue-on-error. */
  result: Conclusion;
  outputs: Readonly<Record<string, string>>;
  /** A job that it needs, directly or not, failed. */
  upstreamFailed: boolean;
  /** All of them succeeded. */
  upstreamSucceeded: boolean;
  /** The whole run fails with it, even if it counts as cancelled: a job that ran out of time. */
  failsRun: boolean;
  /** Something in it ran in this attempt. */
  ran: boolean;
}
