import type { data } from "@actions/expressions";
import type { ActionPart, ActionPlace, PreparedAction } from "../job.ts";
import type { StepDefinition } from "../syntax/model.ts";
import type { BackgroundStep } from "./background-steps.ts";
import type { Level } from "./level.ts";
import type { LiveStep } from "./live-step.ts";

/** A step of a workflow or a composite action, over all its parts. */
export class StepInstance {
  readonly state = new Map<string, string>();
  /** The steps of the composite action that it uses. */
  readonly nested = new Map<StepDefinition, StepInstance>();
  prepared: PreparedAction | undefined;
  /** Its pre or main part was started, so its post part is due. */
  isStarted = false;
  /** Its post part is among those that are due. */
  hasPost = false;

  constructor(
    readonly definition: StepDefinition,
    readonly actionId: string,
  ) {}
}

/** One part of a step, ready to run. */
export interface StepPlan {
  instance: StepInstance;
  level: Level;
  kind: "pre" | "main" | "post";
  part: Pick<ActionPart, "run" | "if">;
  /** Contexts other than those of the job: `inputs` of a composite action. */
  contexts?: Readonly<Record<string, data.ExpressionData>>;
  /** The steps after it do not wait for it. */
  isBackground?: boolean | undefined;
  /** While it runs beside the steps that follow it. */
  background?: BackgroundStep | undefined;
  /** The step whose composite action it is part of. */
  outer?: LiveStep | undefined;
  /** The composite action itself, for a step of one. */
  place?: ActionPlace | undefined;
}
