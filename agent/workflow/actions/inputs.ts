import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { evaluateText, evaluateTexts } from "../expressions/evaluate.ts";
import type { StepState } from "../job.ts";

/** Inputs that an action knows, by the name in its file. */
export type KnownInputs = ReadonlyMap<
  string,
  { default?: TemplateToken | string | undefined; deprecationMessage?: string | undefined }
>;

/** What the step gives, and the defaults of what it does not give. Names do not differ by upper and lower case. */
export function inputsOf(step: StepState, known: KnownInputs): Record<string, string> {
  const scope = step.scope();
  const inputs = evaluateTexts(step.definition.with, scope);
  const given = new Set(Object.keys(inputs).map((name) => name.toLowerCase()));
  for (const [name, { default: value }] of known) {
    if (!given.has(name.toLowerCase()))
      inputs[name] = typeof value === "string" ? value : evaluateText(value, scope);
  }
  return inputs;
}

/** Annotates inputs that the action does not know, and those that it wants to get rid of, as GitHub does. */
export function warnAboutInputs(step: StepState, known: KnownInputs, valid: readonly string[] = []): void {
  const byName = new Map([...known].map(([name, input]) => [name.toLowerCase(), input]));
  const validNames = [...valid, ...known.keys()];
  const isValid = new Set(validNames.map((name) => name.toLowerCase()));
  const given = Object.keys(evaluateTexts(step.definition.with, step.scope()));
  for (const name of given) {
    const message = byName.get(name.toLowerCase())?.deprecationMessage;
    if (message) warn(step, `Input '${name}' has been deprecated with message: ${message}`);
  }
  const unexpected = given.filter((name) => !isValid.has(name.toLowerCase()));
  if (unexpected.length > 0)
    warn(
      step,
      `Unexpected input(s) '${unexpected.join("', '")}', valid inputs are ['${validNames.join("', '")}']`,
    );
}

/** The variables that the processes of an action read their inputs from. */
export function inputVariables(inputs: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [
      `INPUT_${name.replaceAll(" ", "_").toUpperCase()}`,
      value,
    ]),
  );
}

export function warn(step: StepState, message: string): void {
  step.job.services.report.annotate({ level: "warning", message, step: step.number });
}
