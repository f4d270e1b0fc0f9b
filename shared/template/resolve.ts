import type { Fillings } from "./fill.ts";
import { checkValue, type Filling, type ParameterValue, type TemplateParameter } from "./parameter.ts";
import { Patterns } from "./pattern.ts";
import { namesInWords } from "./placeholders.ts";

/** The most unknown parameters in one message. */
const MAX_UNKNOWN = 20;

export interface ParameterProblem {
  name: string;
  message: string;
}

/** The value of each parameter, from the given values and the defaults; or everything that is wrong with them. */
export function resolveParameters(
  parameters: readonly TemplateParameter[],
  given: Readonly<Record<string, ParameterValue>>,
): { fillings: Fillings } | { problems: ParameterProblem[] } {
  const names = parameters.map((parameter) => parameter.name);
  const there = namesInWords(names);
  const problems: ParameterProblem[] = Object.keys(given)
    .filter((name) => !names.includes(name))
    .slice(0, MAX_UNKNOWN)
    .map((name) => ({ name, message: `is not a parameter of this template (parameters: ${there})` }));
  const fillings = new Map<string, Filling | undefined>();
  const patterns = new Patterns();
  for (const parameter of parameters) {
    const { name } = parameter;
    const value = Object.hasOwn(given, name) ? given[name] : parameter.default;
    if (value === undefined) {
      if (parameter.required) problems.push({ name, message: `is required${helpOf(parameter)}` });
      fillings.set(name, undefined);
      continue;
    }
    const checked = checkValue(parameter, value, patterns);
    if ("problem" in checked) problems.push({ name, message: checked.problem });
    else fillings.set(name, checked);
  }
  return problems.length > 0 ? { problems } : { fillings };
}

function helpOf({ help }: TemplateParameter): string {
  return help ? `: ${help}` : "";
}
