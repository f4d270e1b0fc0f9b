import { existsSync } from "node:fs";
import { join } from "node:path";
import type { PreparedAction, StepState } from "../job.ts";
import type { ActionDefinition, NodeRuns } from "../syntax/model.ts";
import { inputsOf, inputVariables, warn, warnAboutInputs } from "./inputs.ts";
import { nodeRuntime } from "./node-runtime.ts";
import type { ActionOrigin } from "./origin.ts";
import { actionVariables, fail, part } from "./parts.ts";

export function javascriptAction(
  definition: ActionDefinition,
  runs: NodeRuns,
  origin: ActionOrigin,
): PreparedAction {
  const start = (script: string) => (step: StepState) => runScript(step, definition, runs, origin, script);
  const { pre, post } = runs;
  return {
    action: origin.action,
    pre: pre === undefined || origin.isLocal ? undefined : part(runs.preIf, start(pre)),
    main: part("always()", (step) => {
      warnAboutInputs(step, definition.inputs);
      if (pre !== undefined && origin.isLocal)
        warn(step, `\`pre\` execution is not supported for local action from '${origin.shown}'`);
      return start(runs.main)(step);
    }),
    post: post === undefined ? undefined : part(runs.postIf, start(post)),
  };
}

async function runScript(
  step: StepState,
  definition: ActionDefinition,
  runs: NodeRuns,
  origin: ActionOrigin,
  script: string,
) {
  const path = join(origin.directory, script);
  if (!existsSync(path)) {
    fail(step, `File not found: '${join(origin.shown, script)}', which the action runs.`);
    return { outcome: "failure" } as const;
  }
  const { host } = step.job;
  const runtime = await nodeRuntime(host, runs.using);
  return step.execute({
    argv: [...runtime.argv, host.guestPath(path)],
    env: {
      ...inputVariables(inputsOf(step, definition.inputs)),
      ...actionVariables(step),
      ...runtime.env,
    },
  });
}
