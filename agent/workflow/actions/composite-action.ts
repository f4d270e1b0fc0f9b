import { evaluateText } from "../expressions/evaluate.ts";
import type { NestedSteps, PreparedAction, StepState } from "../job.ts";
import type { ActionDefinition, CompositeRuns, StepDefinition } from "../syntax/model.ts";
import { inputsOf, warn, warnAboutInputs } from "./inputs.ts";
import type { ActionOrigin } from "./origin.ts";
import { part } from "./parts.ts";
import { isLocalUse } from "./reference.ts";

export interface CompositeParts {
  definition: ActionDefinition;
  runs: CompositeRuns;
  origin: ActionOrigin;
  /** The actions of its steps, except local ones. */
  nested: ReadonlyMap<StepDefinition, PreparedAction>;
  /** Makes a local action, which exists only when its step is reached. */
  prepare: NestedSteps["prepare"];
}

export function compositeAction({
  definition,
  runs,
  origin,
  nested,
  prepare,
}: CompositeParts): PreparedAction {
  const actions = [...nested.values()];
  const hasPre = actions.some(({ pre }) => pre !== undefined);
  // GitHub assumes that a local action has a post part until its step is reached.
  const hasPost =
    actions.some(({ post }) => post !== undefined) || runs.steps.some(({ uses }) => isLocalUse(uses));
  const local = new Map<StepDefinition, Promise<PreparedAction>>();
  const prepared = async (step: StepDefinition) => {
    const known = nested.get(step) ?? local.get(step);
    if (known) return known;
    const made = prepare(step);
    local.set(step, made);
    return made;
  };
  const run = (which: NestedSteps["part"], step: StepState) =>
    step.runNested({
      part: which,
      steps: runs.steps,
      inputs: inputsOf(step, definition.inputs),
      action: { ...origin.action, path: step.job.host.guestPath(origin.directory) },
      prepare: prepared,
    });
  return {
    action: origin.action,
    pre: hasPre && !origin.isLocal ? part("always()", (step) => run("pre", step)) : undefined,
    main: part("always()", async (step) => {
      warnAboutInputs(step, definition.inputs);
      if (hasPre && origin.isLocal)
        warn(step, `\`pre\` execution is not supported for local action from '${origin.shown}'`);
      const { scope, ...end } = await run("main", step);
      for (const [name, value] of definition.outputs) {
        if (value !== undefined) step.setOutput(name, evaluateText(value, scope));
      }
      return end;
    }),
    post: hasPost ? part("always()", (step) => run("post", step)) : undefined,
  };
}
