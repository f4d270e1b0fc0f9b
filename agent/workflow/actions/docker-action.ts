import { join } from "node:path";
import { Dictionary, StringData } from "@actions/expressions/data/index";
import { evaluateText, evaluateTexts } from "../expressions/evaluate.ts";
import type { Scope } from "../expressions/scope.ts";
import type { PreparedAction, StepState } from "../job.ts";
import type { ActionDefinition, DockerRuns } from "../syntax/model.ts";
import { inputsOf, inputVariables, warn, warnAboutInputs } from "./inputs.ts";
import type { ActionOrigin } from "./origin.ts";
import { actionVariables, part } from "./parts.ts";

/** Inputs that every Docker action has. */
const OWN_INPUTS = ["entryPoint", "args"];

export function dockerAction(
  definition: ActionDefinition,
  runs: DockerRuns,
  origin: ActionOrigin,
): PreparedAction {
  const start = (entrypoint: string | undefined) => (step: StepState) =>
    runContainer(step, definition, runs, origin, entrypoint);
  const { preEntrypoint: pre, postEntrypoint: post } = runs;
  return {
    action: origin.action,
    pre: pre === undefined || origin.isLocal ? undefined : part(runs.preIf, start(pre)),
    main: part("always()", (step) => {
      warnAboutInputs(step, definition.inputs, OWN_INPUTS);
      if (pre !== undefined && origin.isLocal)
        warn(step, `\`pre\` execution is not supported for local action from '${origin.shown}'`);
      return start(runs.entrypoint ?? inputNamed(step, "entrypoint"))(step);
    }),
    post: post === undefined ? undefined : part(runs.postIf, start(post)),
  };
}

/** `uses: docker://image`. */
export function imageAction(image: string): PreparedAction {
  return {
    action: {},
    main: part("always()", (step) => {
      const inputs = inputsOf(step, new Map());
      const lower = lowerCase(inputs);
      return step.job.services.containers.action({
        step,
        image: `docker://${image}`,
        directory: step.job.plan.directories.workspace,
        entrypoint: lower.entrypoint || undefined,
        args: lower.args ? wordsOf(lower.args) : undefined,
        env: { ...inputVariables(inputs), ...actionVariables(step) },
      });
    }),
  };
}

function runContainer(
  step: StepState,
  definition: ActionDefinition,
  runs: DockerRuns,
  origin: ActionOrigin,
  entrypoint: string | undefined,
) {
  const inputs = inputsOf(step, definition.inputs);
  const scope = withInputs(step.scope(), inputs);
  const given = lowerCase(inputs).args;
  return step.job.services.containers.action({
    step,
    image: runs.image.startsWith("docker://") ? runs.image : join(origin.directory, runs.image),
    directory: origin.directory,
    entrypoint,
    // What the action says counts; the input is for a Dockerfile alone.
    args: runs.args?.map((arg) => evaluateText(arg, scope)) ?? (given ? wordsOf(given) : undefined),
    env: {
      ...evaluateTexts(runs.env, scope),
      // The step's own variables count more than those of the action.
      ...step.env(),
      ...inputVariables(inputs),
      ...actionVariables(step),
    },
  });
}

function inputNamed(step: StepState, name: string): string | undefined {
  return lowerCase(evaluateTexts(step.definition.with, step.scope()))[name] || undefined;
}

function lowerCase(inputs: Readonly<Record<string, string>>): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(inputs).map(([name, value]) => [name.toLowerCase(), value]));
}

/** The scope with the inputs of an action in place of those of the workflow. */
function withInputs(scope: Scope, inputs: Readonly<Record<string, string>>): Scope {
  const values = new Dictionary(
    ...Object.entries(inputs).map(([key, value]) => ({ key, value: new StringData(value) })),
  );
  const others = scope.contexts.pairs().filter(({ key }) => key !== "inputs");
  return { ...scope, contexts: new Dictionary({ key: "inputs", value: values }, ...others) };
}

/** The words of a command line: only double quotes and backslashes before them are special. */
export function wordsOf(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let quoted = false;
  for (let at = 0; at < line.length; at++) {
    const character = line.charAt(at);
    if (character === "\\" && line.charAt(at + 1) === '"') {
      word = `${word ?? ""}"`;
      at++;
    } else if (character === '"') {
      quoted = !quoted;
      word ??= "";
    } else if (!quoted && /\s/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else {
      word = (word ?? "") + character;
    }
  }
  return word === undefined ? words : [...words, word];
}
