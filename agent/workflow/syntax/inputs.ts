import { data } from "@actions/expressions";
import type { TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { evaluateToken, toData } from "../expressions/evaluate.ts";
import type { Scope, Value } from "../expressions/scope.ts";
import { guess } from "./hints.ts";
import type { SyntaxProblem, Workflow } from "./model.ts";
import { fieldsOf, itemsOf, pairsOf, textOfToken } from "./template.ts";

export const INPUT_TYPES = ["string", "boolean", "number", "choice", "environment"] as const;
export type InputType = (typeof INPUT_TYPES)[number];

export interface InputDefinition {
  name: string;
  type: InputType;
  required: boolean;
  description?: string | undefined;
  /** An expression only for workflow_call. */
  default?: TemplateToken | undefined;
  /** What a choice may be. */
  options: readonly string[];
  token: TemplateToken;
}

export type EventWithInputs = "workflow_dispatch" | "workflow_call";

export interface Inputs {
  /** The `inputs` context: values with their types. */
  inputs: data.Dictionary;
  /** `github.event.inputs`: the same as text. */
  texts: Record<string, string>;
  problems: SyntaxProblem[];
}

/** The inputs that the event of the workflow takes, in the order of the file. */
export function inputDefinitions(onToken: TemplateToken, event: EventWithInputs): InputDefinition[] {
  const inputs = fieldsOf(fieldsOf(onToken).get(event)).get("inputs");
  return pairsOf(inputs).map(([name, token]) => {
    const fields = fieldsOf(token);
    const type = textOfToken(fields.get("type"));
    return {
      name,
      type: INPUT_TYPES.find((one) => one === type) ?? "string",
      required: textOfToken(fields.get("required")) === "true",
      description: textOfToken(fields.get("description")),
      default: fields.get("default"),
      options: itemsOf(fields.get("options")).map(String),
      token,
    };
  });
}

/**
 * The inputs of a run with their types and defaults. `given`: texts of a person, or values from the caller of a workflow.
 * `scope`: what the defaults of workflow_call may use: github, inputs and vars.
 */
export function inputsOf(
  workflow: Pick<Workflow, "path" | "onToken">,
  event: string,
  given: Readonly<Record<string, Value>>,
  scope: Scope,
): Inputs {
  const { path, onToken } = workflow;
  const definitions = takesInputs(event) ? inputDefinitions(onToken, event) : [];
  const result: Inputs = { inputs: new data.Dictionary(), texts: {}, problems: [] };
  const report = (token: TemplateToken, message: string, hint: string) => {
    const { line = 1, column = 1 } = token.range?.start ?? {};
    result.problems.push({ file: path, line, column, message, hint });
  };
  const byName = new Map(Object.entries(given).map(([name, value]) => [name.toLowerCase(), value]));
  for (const definition of definitions) {
    const value = valueFor(definition, byName.get(definition.name.toLowerCase()), scope);
    if (typeof value === "object" && value !== null && "message" in value)
      report(definition.token, String(value.message), String(value.hint));
    else {
      result.inputs.add(definition.name, toData(value));
      result.texts[definition.name] = String(value);
    }
  }
  const names = definitions.map((of) => of.name);
  for (const name of Object.keys(given)) {
    if (names.some((known) => known.toLowerCase() === name.toLowerCase())) continue;
    report(onToken, `Unknown input '${name}'`, unknownHint(event, name, names));
  }
  return result;
}

function takesInputs(event: string): event is EventWithInputs {
  return event === "workflow_dispatch" || event === "workflow_call";
}

interface Refused {
  message: string;
  hint: string;
}

function valueFor(definition: InputDefinition, given: Value | undefined, scope: Scope): Value | Refused {
  if (given !== undefined) return typed(definition, given);
  if (definition.default !== undefined) return typed(definition, evaluateToken(definition.default, scope));
  if (definition.required)
    return {
      message: `The required input '${definition.name}' is missing`,
      hint: `Give it with --input ${definition.name}=VALUE, or give it a default in the workflow.`,
    };
  return emptyValues[definition.type];
}

const emptyValues: Readonly<Record<InputType, Value>> = {
  string: "",
  boolean: false,
  number: 0,
  choice: "",
  environment: "",
};

function typed(definition: InputDefinition, value: Value): Value | Refused {
  const { type, name, options } = definition;
  const text = toData(value).coerceString();
  const refused = (what: string, hint: string): Refused => ({
    message: `The input '${name}' must be ${what}, but it is '${text}'`,
    hint,
  });
  if (type === "boolean") {
    const lower = text.toLowerCase();
    if (lower === "") return false;
    if (lower === "true" || lower === "false") return lower === "true";
    return refused("true or false", `Write ${name}=true or ${name}=false.`);
  }
  if (type === "number") {
    const number = text.trim() === "" ? 0 : Number(text);
    return Number.isFinite(number) ? number : refused("a number", `Write it in digits, such as ${name}=3.`);
  }
  if (type === "choice" && !options.includes(text) && !(text === "" && !definition.required))
    return refused("one of its options", `Choose one of: ${options.join(", ")}.`);
  return text;
}

function unknownHint(event: string, name: string, names: readonly string[]): string {
  if (!takesInputs(event)) return `The event ${event} takes no inputs: add --event workflow_dispatch.`;
  if (names.length === 0) return `The workflow takes no inputs for ${event}.`;
  return `${guess(name, names)}Its inputs: ${names.join(", ")}.`;
}
