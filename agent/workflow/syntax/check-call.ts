import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { wrongValue } from "./check-events.ts";
import { guess } from "./hints.ts";
import { inputDefinitions } from "./inputs.ts";
import type { SyntaxProblem, Workflow, WorkflowCall } from "./model.ts";
import { fieldsOf, pairsOf, placeOf, textOfToken } from "./template.ts";

/** What is wrong with a call of a workflow, as far as its values are not expressions. `file`: the caller's. */
export function callProblems(file: string, call: WorkflowCall, called: Workflow): SyntaxProblem[] {
  const { place } = call;
  if (!Object.hasOwn(called.on, "workflow_call")) {
    const message = `The workflow ${called.path} is not reusable: it has no 'on.workflow_call'`;
    return [{ file, ...place, message, hint: `Add workflow_call to the key on of ${called.path}.` }];
  }
  return [
    ...inputProblems(file, call, called),
    ...(call.secrets === "inherit" ? [] : secretProblems(file, call, called)),
  ];
}

function inputProblems(file: string, call: WorkflowCall, { onToken, path }: Workflow): SyntaxProblem[] {
  const definitions = inputDefinitions(onToken, "workflow_call");
  const given = byName(call.with);
  const missing = definitions
    .filter((one) => one.required && one.default === undefined && !given.has(one.name.toLowerCase()))
    .map(({ name, type }) => ({
      file,
      ...call.place,
      message: `Input ${name} is required, but not provided while calling ${call.uses}`,
      hint: `Add ${name} to the key with: a ${type}.`,
    }));
  const wrong = [...given.values()].flatMap(({ name, key, value }): SyntaxProblem[] => {
    const definition = definitions.find((one) => one.name.toLowerCase() === name.toLowerCase());
    if (!definition) {
      const message = `Invalid input, ${name} is not defined in the referenced workflow ${call.uses}`;
      const names = definitions.map((one) => one.name);
      return [{ file, ...placeOf(key), message, hint: known("inputs", name, names, path) }];
    }
    const must = wrongValue(definition, value);
    if (must === undefined) return [];
    const message = `The input '${name}' of the workflow '${call.uses}' must be ${must}`;
    return [{ file, ...placeOf(value), message, hint: `It is defined as ${definition.type} in ${path}.` }];
  });
  return [...missing, ...wrong];
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

function secretProblems(file: string, call: WorkflowCall, called: Workflow): SyntaxProblem[] {
  const definitions = secretDefinitions(called);
  const given = byName(call.secrets === "inherit" ? undefined : call.secrets);
  const missing = definitions
    .filter(({ name, required }) => required && !given.has(name.toLowerCase()))
    .map(({ name }) => ({
      file,
      ...call.place,
      message: `Secret ${name} is required, but not provided while calling ${call.uses}`,
      hint: `Pass it in secrets, as ${name}: \${{ secrets.${name} }}, or write secrets: inherit.`,
    }));
  const names = definitions.map(({ name }) => name);
  const unknown = [...given.values()]
    .filter(({ name }) => ![...names, "GITHUB_TOKEN"].some((one) => one.toLowerCase() === name.toLowerCase()))
    .map(({ name, key }) => ({
      file,
      ...placeOf(key),
      message: `Invalid secret, ${name} is not defined in the referenced workflow ${call.uses}`,
      hint: known("secrets", name, names, called.path),
    }));
  return [...missing, ...unknown];
}

interface Given {
  name: string;
  key: TemplateToken;
  value: TemplateToken;
}

function byName(mapping: MappingToken | undefined): Map<string, Given> {
  return new Map(
    [...(mapping ?? [])]
      .filter(({ key }) => !key.isExpression)
      .map(({ key, value }) => [String(key).toLowerCase(), { name: String(key), key, value }]),
  );
}

function known(what: string, name: string, names: readonly string[], path: string): string {
  return `${guess(name, names)}The ${what} of ${path}: ${names.join(", ") || "none"}.`;
}
