import type { BuiltinAction, PreparedAction, StepState } from "../job.ts";
import { inputsOf, warnAboutInputs } from "./inputs.ts";
import { part } from "./parts.ts";
import type { RepositoryReference } from "./reference.ts";

/** The parts of an action that runs in this process. */
export function builtinAction(
  action: BuiltinAction,
  { owner, repo, ref }: RepositoryReference,
): PreparedAction {
  const known = new Map(Object.entries(action.inputs));
  const callOf = (step: StepState) => {
    const given = Object.entries(inputsOf(step, known)).map(([name, value]) => [name.toLowerCase(), value]);
    return { step, inputs: { ...none(action), ...Object.fromEntries(given) } };
  };
  const { post } = action;
  return {
    action: { repository: `${owner}/${repo}`, ref },
    main: part("always()", (step) => {
      warnAboutInputs(step, known);
      return action.main(callOf(step));
    }),
    post: post && part("always()", (step) => post(callOf(step))),
  };
}

function none({ inputs }: BuiltinAction): Record<string, string> {
  return Object.fromEntries(Object.keys(inputs).map((name) => [name, ""]));
}
