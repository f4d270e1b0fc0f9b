import { ExpressionError, wellKnownFunctions } from "@actions/expressions";
import { splitAllowedContext } from "@actions/workflow-parser/templates/allowed-context";
import type { Definition } from "@actions/workflow-parser/templates/schema/definition";
import { DefinitionType } from "@actions/workflow-parser/templates/schema/definition-type";
import type { TemplateSchema } from "@actions/workflow-parser/templates/schema/index";
import type { MappingDefinition } from "@actions/workflow-parser/templates/schema/mapping-definition";
import { ExpressionToken } from "@actions/workflow-parser/templates/tokens/expression-token";
import { nearest } from "../../../shared/nearest.ts";
import { rememberSource, withoutPosition } from "./offsets.ts";

/** What the parser last asked its schema: its errors do not say what would have been right. */
export class Questions {
  private askedForKey = false;
  private known: string[] = [];
  private definition: Definition | undefined;
  private schema: TemplateSchema | undefined;

  /** The same schema, which remembers the last question about it. */
  watch(schema: TemplateSchema): TemplateSchema {
    this.schema = schema;
    const watched: TemplateSchema = Object.create(schema);
    watched.matchPropertyAndFilter = (definitions: MappingDefinition[], key: string) => {
      this.askedForKey = true;
      this.known = definitions.flatMap(({ properties }) => Object.keys(properties));
      return schema.matchPropertyAndFilter(definitions, key);
    };
    watched.getScalarDefinitions = (definition: Definition) => {
      this.askedForKey = false;
      this.definition = definition;
      return schema.getScalarDefinitions(definition);
    };
    watched.getDefinitionsOfType = (definition: Definition, type: DefinitionType) => {
      this.askedForKey = false;
      this.definition = definition;
      return schema.getDefinitionsOfType(definition, type);
    };
    return watched;
  }

  get keys(): string[] | undefined {
    return this.askedForKey ? [...new Set(this.known)] : undefined;
  }

  /** The words that a value may be; empty if any text will do. */
  get words(): string[] {
    return this.scalars.flatMap((of) => ("constant" in of && of.constant ? [String(of.constant)] : []));
  }

  /** "a number", "a list", … */
  get kinds(): string[] {
    if (this.askedForKey || !this.schema || !this.definition) return [];
    const { schema, definition } = this;
    const has = (type: DefinitionType) => schema.getDefinitionsOfType(definition, type).length > 0;
    return [
      ...new Set(this.scalars.flatMap((of) => kindNames[of.definitionType] ?? [])),
      ...(has(DefinitionType.Sequence) ? ["a list"] : []),
      ...(has(DefinitionType.Mapping) ? ["keys with values"] : []),
    ];
  }

  private get scalars(): Definition[] {
    if (this.askedForKey || !this.schema || !this.definition) return [];
    return this.schema.getScalarDefinitions(this.definition);
  }
}

const kindNames: Partial<Record<DefinitionType, string>> = {
  [DefinitionType.Number]: "a number",
  [DefinitionType.Boolean]: "true or false",
  [DefinitionType.String]: "text",
};

/** The parser does not say which contexts an expression may use; what it throws is kept with them here. */
const allowedAt = new WeakMap<object, string[]>();
const validate = ExpressionToken.validateExpression;
ExpressionToken.validateExpression = (expression: string, allowedContext: string[]): void => {
  try {
    validate(expression, allowedContext);
  } catch (error) {
    rememberSource(error, expression);
    if (typeof error === "object" && error !== null) allowedAt.set(error, allowedContext);
    throw error;
  }
};

export function shownMessage(message: string, questions: Questions): string {
  if (/^There's not enough info.*\brun, /.test(message)) return "A step needs either run or uses";
  const unexpected = /^Unexpected value '([\s\S]*)'$/.exec(message);
  if (unexpected && questions.keys) return `Unexpected key '${unexpected[1]}'`;
  if (unexpected?.[1] === "") return "A value is missing";
  return withoutPosition(message);
}

/** What to do about an error of the parser. */
export function hintFor(error: unknown, message: string, questions: Questions): string {
  if (error instanceof ExpressionError) return hintForExpression(error);
  const unexpected = /^Unexpected value '([\s\S]*)'$/.exec(message)?.[1];
  if (unexpected !== undefined && questions.keys) return hintForKey(unexpected, questions.keys);
  if (unexpected !== undefined || / was not expected$/.test(message)) {
    if (questions.words.length > 0) return choice("value", unexpected ?? "", questions.words);
    const expected = questions.kinds.join(" or ");
    const orNothing = unexpected === "" ? " If there is nothing to say, remove the key." : "";
    if (expected !== "") return `This must be ${expected}.${orNothing}`;
  }
  return hints.find(([pattern]) => pattern.test(message))?.[1] ?? YAML_HINT;
}

const YAML_HINT =
  "Check the indentation and the quotes here: text with ': ', ' #' or a bracket needs quotes.";

const hints: readonly [RegExp, string][] = [
  [/^The expression is not closed/, "Close it with }}. A quote inside it must be closed too."],
  [/^An expression was expected/, "Write an expression between ${{ and }}, such as ${{ github.ref }}."],
  [
    /^Unexpected symbol/,
    "Text in an expression stands in single quotes; operators are == != < <= > >= && || and !.",
  ],
  [
    /expression is not allowed/,
    "Write the value itself: GitHub reads it before any expression is evaluated.",
  ],
  [/^Required property is missing/, "Add this key."],
  [/^There's not enough info.*\brun, /, "Add run with a script, or uses with an action."],
  [/^There's not enough info/, "Add one of these keys."],
  [/is already defined/, "Remove one of the two; keys do not differ by upper and lower case."],
  [/^Unexpected YAML tag/, "A value that begins with ! needs quotes, or ${{ }} around an expression."],
  [/^Unknown anchor/, "Define it with & before it is used."],
  [/^A key must be plain text/, "An expression begins with ${{. Other text that begins with { needs quotes."],
  [/^A quote is not closed/, "Close it, or double it if it belongs to the text."],
  [/^Tabs/, "Use spaces."],
  [/more than one YAML document/, "Put each workflow into a file of its own, without a line of ---."],
  [/image cannot be empty/, "Name the image, such as node:24."],
  [/directive/, "Use ${{ insert }} only as a key."],
  [/ErrorExceededMaxLength/, "An expression has at most 21,000 characters."],
  [
    /file is empty|must be a mapping/,
    "A workflow needs at least the keys on and jobs; an action needs name and runs.",
  ],
];

function hintForExpression(error: ExpressionError): string {
  const { namedContexts, functions } = splitAllowedContext(allowedAt.get(error) ?? []);
  const known = [...Object.values(wellKnownFunctions), ...functions];
  const [, what, name = ""] = /^(.*): '([\s\S]*)'$/.exec(error.message) ?? [];
  if (what === "Unrecognized named-value") return hintForContext(name, namedContexts);
  if (what === "Unrecognized function") {
    const names = known.map((of) => of.name);
    return `${guess(name, names)}Functions that work here: ${names.toSorted().join(", ")}.`;
  }
  if (what?.startsWith("Too ")) {
    const of = known.find((one) => one.name.toLowerCase() === name.toLowerCase());
    return `${name} takes ${argumentCount(of?.minArgs ?? 0, of?.maxArgs ?? 0)}.`;
  }
  if (what?.startsWith("Even number"))
    return "case takes pairs of a condition and a value, and then a default value.";
  if (what === "Unexpected end of expression")
    return "Something is missing at the end: a value, or a closing parenthesis.";
  if (what?.startsWith("Exceeded")) return "Split the expression into smaller ones.";
  return "Check the operators, commas and parentheses here. Text stands in single quotes.";
}

function hintForKey(key: string, known: readonly string[]): string {
  if (key === "<<") return "GitHub has anchors and aliases, but no merge keys: write the keys out.";
  if (STEP_KEYS.has(key) && known.includes("run") !== known.includes("uses"))
    return "A step has either run, with shell and working-directory, or uses, with its with. Make two steps of it.";
  if (["uses", "with", "secrets"].includes(key) && known.includes("steps"))
    return "A job either runs steps on a machine of runs-on, or calls a workflow with uses. Make two jobs of it.";
  if (known.includes("secrets") && known.includes("uses") && !known.includes("steps"))
    return `A job that calls a workflow with uses has no ${key}. It may have: ${known.toSorted().join(", ")}.`;
  return choice("key", key, known);
}

const STEP_KEYS = new Set(["run", "uses", "with", "shell", "working-directory"]);

function hintForContext(name: string, contexts: readonly string[]): string {
  const known = contexts.length > 0 ? contexts.toSorted().join(", ") : "none";
  const near = guess(
    name,
    contexts.filter((context) => context.startsWith(name.charAt(0).toLowerCase())),
  );
  const text = near === "" ? "Text stands in single quotes. " : near;
  return `${ALL_CONTEXTS.has(name.toLowerCase()) ? "" : text}Contexts that work here: ${known}.`;
}

const ALL_CONTEXTS = new Set(
  "github env vars secrets inputs job jobs steps runner strategy matrix needs".split(" "),
);

function argumentCount(least: number, most: number): string {
  if (most > 255) return `at least ${least} arguments`;
  return least === most
    ? `${least === 1 ? "1 argument" : `${least} arguments`}`
    : `${least} to ${most} arguments`;
}

/** "Did you mean 'x'? ", or nothing. */
export function guess(given: string, known: readonly string[]): string {
  // Every short name is close to every other one.
  const near = given.length < 3 ? undefined : nearest(given, known);
  return near === undefined ? "" : `Did you mean '${near}'? `;
}

function choice(what: string, given: string, known: readonly string[]): string {
  return `${guess(given, known)}Known ${what}s: ${known.toSorted().join(", ")}.`;
}
