import { ExpressionError } from "@actions/expressions";
import { CLOSE_EXPRESSION, OPEN_EXPRESSION } from "@actions/workflow-parser/templates/template-constants";
import type { StringToken } from "@actions/workflow-parser/templates/tokens/index";
import type { TokenRange } from "@actions/workflow-parser/templates/tokens/token-range";

/** Where errors of the parser are in the value of a scalar: it names places of the file only for simple ones. */

const POSITION = / Located at position (\d+) within expression: ([\s\S]*)$/;

/** The offset within the expression, without the white space at its beginning. */
export function offsetInExpression(error: unknown, message: string): number | undefined {
  const position = POSITION.exec(message);
  if (position) return Number(position[1]) - 1;
  return error instanceof ExpressionError ? offsetOfToken(error) : undefined;
}

export function withoutPosition(message: string): string {
  return message.replace(POSITION, "").replace(/\.$/, "");
}

const sources = new WeakMap<object, string>();

/** Keeps the text of an expression that failed, from which its places count. */
export function rememberSource(error: unknown, expression: string): void {
  if (typeof error === "object" && error !== null) sources.set(error, expression);
}

function offsetOfToken(error: ExpressionError): number {
  const lines = sources.get(error)?.split("\n").slice(0, error.pos.line) ?? [];
  return lines.reduce((sum, line) => sum + line.length + 1, 0) + error.pos.column;
}

/** The offset in the value where the expression's own text begins. `range`: what the parser says about the expression. */
export function startOfExpression(token: StringToken, range: TokenRange | undefined): number {
  const { value } = token;
  const open = range && token.range ? openingOf(token, token.range, range) : undefined;
  const from = open === undefined ? 0 : open + OPEN_EXPRESSION.length;
  return from + (value.slice(from).length - value.slice(from).trimStart().length);
}

function openingOf(token: StringToken, whole: TokenRange, range: TokenRange): number {
  const { value } = token;
  if (whole.start.line === whole.end.line) {
    const quotes = (token.source ?? value).indexOf(OPEN_EXPRESSION) - value.indexOf(OPEN_EXPRESSION);
    return range.start.column - whole.start.column - quotes;
  }
  let at = 0;
  for (let line = whole.start.line + 1; line < range.start.line; line++) at = value.indexOf("\n", at) + 1;
  return at + range.start.column - 1;
}

/** The offset of a `${{` that nothing closes, if that is the message. */
export function unclosedExpression(message: string, value: string): number | undefined {
  if (!message.startsWith("The expression is not closed")) return undefined;
  let at = value.indexOf(OPEN_EXPRESSION);
  for (;;) {
    const end = endOfExpression(value, at + OPEN_EXPRESSION.length);
    const next = end === undefined ? -1 : value.indexOf(OPEN_EXPRESSION, end);
    if (next < 0) return at;
    at = next;
  }
}

function endOfExpression(value: string, from: number): number | undefined {
  let quoted = false;
  for (let at = from; at < value.length; at++) {
    if (value[at] === "'") quoted = !quoted;
    else if (!quoted && value.startsWith(CLOSE_EXPRESSION, at)) return at + CLOSE_EXPRESSION.length;
  }
  return undefined;
}
