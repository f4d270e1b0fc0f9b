import { data, Lexer } from "@actions/expressions";
import { wellKnownFunctions } from "@actions/expressions/funcs";
import { TokenType } from "@actions/expressions/lexer";
import { NumberToken } from "@actions/workflow-parser/templates/tokens/number-token";

/**
 * Where `@actions/expressions` differs from GitHub's runner. The library has no seams for these, so its classes are changed
 * in place, once, before anything uses them.
 */

/** Every `''` of a literal is a quote, not only the first one; a literal of several lines keeps count of them. */
interface LexerState {
  input: string;
  start: number;
  offset: number;
  line: number;
  lastLineOffset: number;
  addToken(type: TokenType, value: string): void;
}

Object.assign(Lexer.prototype, {
  consumeString(this: LexerState): void {
    const { input, start } = this;
    let at = this.offset;
    while (at < input.length && (input[at] !== "'" || input[at + 1] === "'")) at += input[at] === "'" ? 2 : 1;
    if (at >= input.length) {
      throw new Error(
        `Unexpected symbol: '${input.slice(start)}'. Located at position ${start + 1} within expression: ${input}`,
      );
    }
    this.offset = at + 1;
    this.addToken(TokenType.STRING, input.slice(start + 1, at).replaceAll("''", "'"));
    for (
      let line = input.indexOf("\n", start);
      line >= 0 && line < at;
      line = input.indexOf("\n", line + 1)
    ) {
      this.line++;
      this.lastLineOffset = line + 1;
    }
  },
});

/** Keys named like a property of Object, such as `constructor` and `__proto__`, are keys like any other. */
const add = data.Dictionary.prototype.add;
const get = data.Dictionary.prototype.get;
data.Dictionary.prototype.add = function (this: data.Dictionary, key, value) {
  const own = this as unknown as { indexMap: object; v: unknown[] };
  if (own.v.length === 0) Object.setPrototypeOf(own.indexMap, null);
  add.call(this, key, value);
};
data.Dictionary.prototype.get = function (this: data.Dictionary, key) {
  return this.values().length === 0 ? undefined : get.call(this, key);
};
Object.setPrototypeOf(wellKnownFunctions, null);

/** Numbers turn into text with 15 significant digits, as .NET's format G15 does. */
data.NumberData.prototype.coerceString = function (this: data.NumberData): string {
  return textOfNumber(this.value);
};

/** So do numbers of YAML where text is expected, such as the value of a variable. */
NumberToken.prototype.toString = function (this: NumberToken): string {
  return textOfNumber(this.value);
};

export function textOfNumber(value: number): string {
  if (value === 0) return "0";
  if (!Number.isFinite(value)) return String(value);
  if (Number.isInteger(value) && Math.abs(value) < 1e15) return String(value);
  const [digits = "", exponentText = "0"] = value.toExponential(14).split("e");
  const exponent = Number(exponentText);
  if (exponent >= -5 && exponent < 15) return withoutZeros(value.toFixed(Math.max(0, 14 - exponent)));
  const sign = exponent < 0 ? "-" : "+";
  return `${withoutZeros(digits)}E${sign}${String(Math.abs(exponent)).padStart(2, "0")}`;
}

function withoutZeros(digits: string): string {
  return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
}
