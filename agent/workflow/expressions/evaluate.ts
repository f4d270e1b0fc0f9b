import { data, Evaluator, type Expr, Lexer, Parser } from "@actions/expressions";
import { replacer } from "@actions/expressions/data/replacer";
import { reviver } from "@actions/expressions/data/reviver";
import { falsy } from "@actions/expressions/result";
import { isBasicExpression, isLiteral, isMapping, isSequence } from "@actions/workflow-parser";
import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import type { Scope, Value } from "./scope.ts";

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
    throw new ExpressionProblem(`The expression \${{ ${expression} }} cannot be evaluated: ${why}`);
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
  if (isSequence(token)) return [...token].map((item) => evaluateToken(item, scope));
  if (isMapping(token)) return evaluateMapping(token, scope);
  if (isLiteral(token)) return literalOf(token);
  throw new ExpressionProblem(`A ${token.typeName()} cannot be evaluated.`);
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
    const texts: Record<string, string> = {};
    for (const { key, value } of token) {
      if (isInsert(key)) Object.assign(texts, evaluateTexts(value, scope));
      else texts[evaluateText(key, scope)] = evaluateText(value, scope);
    }
    return texts;
  }
  const value = isBasicExpression(token) ? evaluateExpression(token.expression, scope) : undefined;
  if (value?.kind !== data.Kind.Dictionary) return {};
  return Object.fromEntries(value.pairs().map(({ key, value: of }) => [key, of.coerceString()]));
}

/** As an expression sees a value of JSON. */
export function toData(value: unknown): data.ExpressionData {
  return JSON.parse(JSON.stringify(value ?? null), reviver);
}

export function toValue(value: data.ExpressionData): Value {
  return JSON.parse(JSON.stringify(value, replacer));
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
    super(expression, scope.contexts, new Map(scope.functions));
  }

  override visitContextAccess(access: Parameters<Evaluator["visitContextAccess"]>[0]): data.ExpressionData {
    return this.scope.contexts.get(access.name.lexeme) ?? new data.Null();
  }
}

function evaluateMapping(token: MappingToken, scope: Scope): Value {
  const value: { [key: string]: Value } = {};
  for (const { key, value: of } of token) {
    const item = evaluateToken(of, scope);
    if (isInsert(key)) Object.assign(value, item);
    else value[evaluateText(key, scope)] = item;
  }
  return value;
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
