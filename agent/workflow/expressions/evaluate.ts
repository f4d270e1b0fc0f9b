import { data, Evaluator, type Expr, Lexer, Parser } from "@actions/expressions";
import type { FunctionCall } from "@actions/expressions/ast";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import { falsy } from "@actions/expressions/result";
import { isBasicExpression, isLiteral, isMapping, isSequence } from "@actions/workflow-parser";
import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import { jsonFunctions, toData, toValue } from "./json.ts";
import "./library-fixes.ts";
import type { Scope, Value } from "./scope.ts";

export { toData, toValue } from "./json.ts";

/** Every context that GitHub knows. One that is not in the scope is null. */
const CONTEXTS = [
  "github",
  "env",
  "vars",
  "secrets",
  "inputs",
  "job",
  "jobs",
  "steps",
  "runner",
  "strategy",
  "matrix",
  "needs",
] as const;
const FUNCTIONS = [
  { name: "always", minArgs: 0, maxArgs: 0 },
  { name: "cancelled", minArgs: 0, maxArgs: 0 },
  { name: "success", minArgs: 0, maxArgs: Number.MAX_SAFE_INTEGER },
  { name: "failure", minArgs: 0, maxArgs: Number.MAX_SAFE_INTEGER },
  { name: "hashfiles", minArgs: 1, maxArgs: 255 },
];
const MAX_PARSED = 5_000;
const parsed = new Map<string, Expr>();

/** An expression that cannot be evaluated: the message says which and why. */
export class ExpressionProblem extends Error {
  override name = "ExpressionProblem";
}

/** The value of an expression, given without `${{ }}`. */
export function evaluateExpression(expression: string, scope: Scope): data.ExpressionData {
  try {
    return new ScopedEvaluator(parse(expression), scope).evaluate();
  } catch (error) {
    if (error instanceof ExpressionProblem) throw error;
    const why = error instanceof Error ? error.message : String(error);
    throw new ExpressionProblem(
      `The expression \${{ ${shortened(expression)} }} cannot be evaluated: ${why}`,
    );
  }
}

/** Whether the condition holds. */
export function evaluateCondition(expression: string, scope: Scope): boolean {
  return !falsy(evaluateExpression(expression, scope));
}

/** The value of a token with everything in it evaluated; undefined stays undefined. */
export function evaluateToken(token: TemplateToken, scope: Scope): Value;
export function evaluateToken(token: TemplateToken | undefined, scope: Scope): Value | undefined;
export function evaluateToken(token: TemplateToken | undefined, scope: Scope): Value | undefined {
  if (token === undefined) return undefined;
  if (isBasicExpression(token)) return toValue(evaluateExpression(token.expression, scope));
  if (isSequence(token)) return [...token].flatMap((item) => evaluateItem(item, scope));
  if (isMapping(token)) return evaluateMapping(token, scope);
  if (isLiteral(token)) return literalOf(token);
  throw new ExpressionProblem(`A ${token.typeName()} cannot be evaluated.`);
}

/** A list that an expression gives belongs to the list around it. */
function evaluateItem(item: TemplateToken, scope: Scope): Value[] {
  const value = evaluateToken(item, scope);
  return isBasicExpression(item) && Array.isArray(value) ? value : [value];
}

/** The same as text, as GitHub turns values into text; "" for null and undefined. */
export function evaluateText(token: TemplateToken | undefined, scope: Scope): string {
  if (token === undefined) return "";
  if (isBasicExpression(token)) return evaluateExpression(token.expression, scope).coerceString();
  return isLiteral(token) ? textOfLiteral(token) : JSON.stringify(evaluateToken(token, scope));
}

/** A mapping whose values are texts, such as `env` or `with`; the mapping itself may be an expression. */
export function evaluateTexts(token: TemplateToken | undefined, scope: Scope): Record<string, string> {
  if (token === undefined) return {};
  if (isMapping(token)) {
    return Object.fromEntries(
      [...token].flatMap(({ key, value }) =>
        isInsert(key)
          ? Object.entries(evaluateTexts(value, scope))
          : [[evaluateText(key, scope), evaluateText(value, scope)]],
      ),
    );
  }
  const value = isBasicExpression(token) ? evaluateExpression(token.expression, scope) : undefined;
  if (value?.kind !== data.Kind.Dictionary) return {};
  return Object.fromEntries(value.pairs().map(({ key, value: of }) => [key, of.coerceString()]));
}

/** Contexts by name; the first value of a name counts. */
export function contextsOf(contexts: Readonly<Record<string, data.ExpressionData>>): data.Dictionary {
  return new data.Dictionary(...Object.entries(contexts).map(([key, value]) => ({ key, value })));
}

function parse(expression: string): Expr {
  const known = parsed.get(expression);
  if (known) return known;
  const { tokens } = new Lexer(expression).lex();
  const tree = new Parser(tokens, [...CONTEXTS], FUNCTIONS).parse();
  if (parsed.size >= MAX_PARSED) parsed.clear();
  parsed.set(expression, tree);
  return tree;
}

class ScopedEvaluator extends Evaluator {
  constructor(
    expression: Expr,
    private readonly scope: Scope,
  ) {
    super(expression, scope.contexts, functionsOf(scope));
  }

  override visitContextAccess(access: Parameters<Evaluator["visitContextAccess"]>[0]): data.ExpressionData {
    return this.scope.contexts.get(access.name.lexeme) ?? new data.Null();
  }

  override visitFunctionCall(call: FunctionCall): data.ExpressionData {
    const name = call.functionName.lexeme.toLowerCase();
    if (name === "case") return this.firstCase(call);
    if (FUNCTIONS.some((known) => known.name === name) && !this.scope.functions.has(name))
      throw new Error(`${call.functionName.lexeme} does not work in this place`);
    return super.visitFunctionCall(call);
  }

  /** The runner evaluates only what is needed. */
  private firstCase({ args }: FunctionCall): data.ExpressionData {
    for (let at = 0; at + 1 < args.length; at += 2) {
      const [condition, value] = [args[at], args[at + 1]];
      if (!condition || !value) break;
      const holds = this.eval(condition);
      if (holds.kind !== data.Kind.Boolean) throw new Error("a condition of case must be true or false");
      if (holds.value) return this.eval(value);
    }
    const otherwise = args.at(-1);
    return otherwise ? this.eval(otherwise) : new data.Null();
  }
}

/** Those of the scope, and those that are always there; made once for a scope's functions. */
const merged = new WeakMap<object, Map<string, FunctionDefinition>>();

function functionsOf({ functions }: Scope): Map<string, FunctionDefinition> {
  const known = merged.get(functions);
  if (known) return known;
  const all = new Map([...jsonFunctions, ...functions]);
  merged.set(functions, all);
  return all;
}

const MAX_SHOWN = 200;

function shortened(expression: string): string {
  return expression.length > MAX_SHOWN ? `${expression.slice(0, MAX_SHOWN)}…` : expression;
}

function evaluateMapping(token: MappingToken, scope: Scope): Value {
  return Object.fromEntries(
    [...token].flatMap(({ key, value }): [string, Value][] => {
      const item = evaluateToken(value, scope);
      if (!isInsert(key)) return [[evaluateText(key, scope), item]];
      return typeof item === "object" && item !== null ? Object.entries(item) : [];
    }),
  );
}

/** `${{ insert }}: …` puts the keys of a mapping among its neighbours. */
function isInsert(key: TemplateToken): boolean {
  return key.isExpression && !isBasicExpression(key);
}

function literalOf(token: TemplateToken): Value {
  const value = "value" in token ? token.value : null;
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean" ? value : null;
}

function textOfLiteral(token: TemplateToken): string {
  return toData(literalOf(token)).coerceString();
}
