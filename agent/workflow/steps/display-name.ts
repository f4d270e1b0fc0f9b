import { isBasicExpression } from "@actions/workflow-parser";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { evaluateText } from "../expressions/evaluate.ts";
import type { Scope } from "../expressions/scope.ts";
import type { StepDefinition } from "../syntax/model.ts";

/** What is not known when a job begins. */
const UNKNOWN_AT_FIRST = /\b(steps|job)\b|hashFiles/i;

/** The name of a step for people: its own, or made of what it runs; the first line only. */
export function displayName(definition: StepDefinition, scope: Scope): string {
  return nameOf(definition, (token) => {
    try {
      return evaluateText(token, scope);
    } catch {
      return sourceOf(token); // The step itself fails with the same error if it gets that far.
    }
  });
}

/** The name of a step that does not run: GitHub evaluates it only when the job begins, if it can. */
export function nameBeforeRun(definition: StepDefinition, scope: Scope): string {
  const { name, run } = definition;
  const token = name ?? run;
  const isKnown = !token || !isBasicExpression(token) || !UNKNOWN_AT_FIRST.test(token.expression);
  return isKnown ? displayName(definition, scope) : nameOf(definition, sourceOf);
}

function nameOf(definition: StepDefinition, textOf: (token: TemplateToken) => string): string {
  const { name, run, uses = "", wait, waitAll, cancel } = definition;
  const own = name ? firstLine(textOf(name)) : "";
  if (own !== "") return own;
  if (wait) return "Wait";
  if (waitAll) return "Wait for all";
  if (cancel !== undefined) return "Cancel";
  return `Run ${run ? firstLine(textOf(run)) : uses}`;
}

function firstLine(text: string): string {
  return (
    text
      .trimStart()
      .split(/[\r\n]/, 1)[0]
      ?.trimEnd() ?? ""
  );
}

/** The text of a token as somebody wrote it. */
function sourceOf(token: TemplateToken): string {
  if (!isBasicExpression(token)) return String(token);
  const parts = token.originalExpressions?.map(({ expression }) => `\${{ ${expression} }}`);
  const [, format] = /^format\('((?:[^']|'')*)'/.exec(token.expression) ?? [];
  if (!parts || format === undefined) return `\${{ ${token.expression} }}`;
  return format
    .replaceAll("''", "'")
    .replace(/\{\{|\}\}|\{(\d+)\}/g, (found, index) =>
      index === undefined ? found.charAt(0) : (parts[Number(index)] ?? found),
    );
}
