import type { data } from "@actions/expressions";
import type { Conclusion } from "../../../shared/workflow-run.ts";
import type { JobDefinition } from "../syntax/model.ts";
import type { GroupWish } from "./concurrency-group.ts";
import type { Leg } from "./frame-scope.ts";
import type { JobChange } from "./job-events.ts";
import type { Frame, JobEnd, RunState } from "./run-state.ts";
import type { Slots } from "./slots.ts";

/** One combination of a job, ready to wait for its turn. */
export interface LegStart {
  run: RunState;
  frame: Frame;
  job: JobDefinition;
  needs: ReadonlyMap<string, JobEnd>;
  leg: Leg;
  /** Those of its matrix: `max-parallel`. */
  slots: Slots;
  cancel: AbortSignal;
  /** Something that it needs ran again, so it does too. */
  rerun: boolean;
}

/** A combination that is about to run. */
export interface ReadyLeg extends LegStart {
  contexts: Readonly<Record<string, data.ExpressionData>>;
  name: string;
  continueOnError: boolean;
  wish: GroupWish | undefined;
  /** What the events say about it at the beginning. */
  about: JobChange;
  /** The groups of `concurrency` that it is in. */
  groups: readonly string[];
}

export interface LegEnd {
  /** What counts for the job: success if it failed and has continue-on-error. */
  result: Conclusion;
  outputs: Readonly<Record<string, string>>;
  failsRun: boolean;
  ran: boolean;
}
