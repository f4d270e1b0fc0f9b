import { inputDefinitions } from "../syntax/inputs.ts";
import type { Workflow, WorkflowCall } from "../syntax/model.ts";
import { fieldsOf, pairsOf, textOfToken } from "../syntax/template.ts";

/** What is wrong with a call of a workflow, in GitHub's words; the second part says what to do. */
export function callProblems(call: WorkflowCall, called: Pick<Workflow, "onToken">): [string, string][] {
  const inputs = inputDefinitions(called.onToken, "workflow_call");
  const given = pairsOf(call.with).map(([name]) => name);
  const problems = unknownAndMissing(
    "input",
    given,
    inputs.map(({ name, required, default: value }) => ({ name, required: required && value === undefined })),
  );
  if (call.secrets === "inherit") return problems;
  const secrets = secretDefinitions(called);
  return [
    ...problems,
    ...unknownAndMissing(
      "secret",
      pairsOf(call.secrets).map(([name]) => name),
      secrets,
    ),
  ];
}

/** The secrets that a reusable workflow takes. */
export function secretDefinitions({
  onToken,
}: Pick<Workflow, "onToken">): { name: string; required: boolean }[] {
  const secrets = fieldsOf(fieldsOf(onToken).get("workflow_call")).get("secrets");
  return pairsOf(secrets).map(([name, token]) => ({
    name,
    required: textOfToken(fieldsOf(token).get("required")) === "true",
  }));
}

function unknownAndMissing(
  kind: "input" | "secret",
  given: readonly string[],
  defined: readonly { name: string; required: boolean }[],
): [string, string][] {
  const has = (names: readonly string[], name: string) =>
    names.some((one) => one.toLowerCase() === name.toLowerCase());
  const names = defined.map(({ name }) => name);
  const field = kind === "input" ? "with" : "secrets";
  const known = names.length === 0 ? `It takes no ${kind}s.` : `It takes ${names.join(", ")}.`;
  const unknown = given.filter((name) => !has(names, name) && name.toUpperCase() !== "GITHUB_TOKEN");
  const missing = defined.filter(({ name, required }) => required && !has(given, name));
  return [
    ...unknown.map((name): [string, string] => [
      `Invalid ${kind}, ${name} is not defined in the referenced workflow`,
      known,
    ]),
    ...missing.map(({ name }): [string, string] => [
      `${kind === "input" ? "Input" : "Secret"} ${name} is required, but not provided while calling`,
      `Add ${name} below \`${field}:\` of the calling job.`,
    ]),
  ];
}
