import { z } from "zod";
import { type Labels, labelKey } from "./labels.ts";
import { own } from "./own.ts";
import { compareValues, isComparable } from "./version-order.ts";

/** A condition of a selector. A node must meet all conditions. */
export type Condition =
  | { operator: "=" | "!=" | ">" | ">=" | "<" | "<="; key: string; value: string }
  | { operator: "in" | "notin"; key: string; values: string[] }
  | { operator: "exists" | "!"; key: string };

const MAX_SELECTOR_LENGTH = 4_096;
const MAX_CONDITIONS = 100;

/**
 * Kubernetes-style label selectors, with comparisons of numbers and versions:
 * `gpu.vendor=nvidia,gpu.memoryMb>=24000,os in (linux,darwin),!spot`. As in Kubernetes, `!=` and `notin` also hold
 * for a node without the label. A comparison holds only for a label that can be compared; see `compareValues`. A value with
 * blanks, commas, brackets, quotes or operators of other languages must be quoted: `gpu.model="NVIDIA L4"`. In quotes a
 * backslash escapes a quote or a backslash.
 * Throws SelectorError with the column. Ambiguous selectors and selectors no node can meet are errors too, except if
 * `stored`, because older releases accepted them.
 */
export function parseSelector(text: string, { stored = false } = {}): Condition[] {
  const conditions: Condition[] = [];
  const reader = new Reader(text, stored);
  if (reader.atEnd()) return conditions;
  for (;;) {
    conditions.push(readCondition(reader));
    if (conditions.length > MAX_CONDITIONS) throw reader.error(`more than ${MAX_CONDITIONS} conditions`);
    if (!reader.atEnd()) {
      reader.expectComma();
      continue;
    }
    const conflict = stored ? undefined : conflictIn(conditions);
    if (conflict) throw new SelectorError(`the selector can never be met: ${conflict}`);
    return conditions;
  }
}

/** Two conditions no node can meet together, in words. */
function conflictIn(conditions: readonly Condition[]): string | undefined {
  for (const [key, ofKey] of Map.groupBy(conditions, (condition) => condition.key)) {
    const absent = ofKey.find((condition) => condition.operator === "!");
    const present = ofKey.find((condition) => !["!", "!=", "notin"].includes(condition.operator));
    if (absent && present) return `${formatCondition(present)} needs the label that !${key} forbids`;
    const [lower, upper] = emptyRange(key, ofKey) ?? [];
    if (lower && upper)
      return `no value of ${key} is both ${formatCondition(lower)} and ${formatCondition(upper)}`;
    const wanted = ofKey.filter((condition) => condition.operator === "=" || condition.operator === "in");
    const possible = wanted.flatMap((condition) =>
      "values" in condition ? condition.values : "value" in condition ? [condition.value] : [],
    );
    if (
      possible.length === 0 ||
      possible.some((value) => ofKey.every((condition) => holds(condition, value)))
    )
      continue;
    const [first, second] = ofKey.filter((condition) => condition.operator !== "exists").map(formatCondition);
    if (second === undefined) continue;
    const either = `${key} in (${[...new Set(possible)].map(formatValue).join(",")})`;
    return `no value of ${key} is both ${first} and ${second}; to accept either, write ${either}`;
  }
  return undefined;
}

/** Two comparisons with no value between them. */
function emptyRange(key: string, ofKey: readonly Condition[]): [Condition, Condition] | undefined {
  for (const lower of ofKey) {
    if (lower.operator !== ">" && lower.operator !== ">=") continue;
    for (const upper of ofKey) {
      if (upper.operator !== "<" && upper.operator !== "<=") continue;
      const order = compareValues(key, lower.value, upper.value);
      const hasBoth = lower.operator === ">=" && upper.operator === "<=";
      if (order > 0 || (order === 0 && !hasBoth)) return [lower, upper];
    }
  }
  return undefined;
}

/** The first condition the labels do not meet, in words; undefined if they meet all. Pure. */
export function unmetCondition(conditions: readonly Condition[], labels: Labels): string | undefined {
  for (const condition of conditions) {
    const found = own(labels, condition.key);
    if (!holds(condition, found)) return describeUnmet(condition, found);
  }
  return undefined;
}

export class SelectorError extends Error {
  override name = "SelectorError";
}

/** A selector as a field of a manifest: text that parses. */
export const selector = z
  .string()
  .max(MAX_SELECTOR_LENGTH)
  .superRefine((text, context) => {
    try {
      parseSelector(text);
    } catch (error) {
      if (!(error instanceof SelectorError)) throw error;
      context.addIssue({ code: "custom", message: error.message });
    }
  });

function holds(condition: Condition, found: string | undefined): boolean {
  switch (condition.operator) {
    case "exists":
      return found !== undefined;
    case "!":
      return found === undefined;
    case "=":
      return found === condition.value;
    case "!=":
      return found !== condition.value;
    case "in":
      return found !== undefined && condition.values.includes(found);
    case "notin":
      return found === undefined || !condition.values.includes(found);
    default:
      return compares(condition, found);
  }
}

type Comparison = Extract<Condition, { value: string }>;

function compares({ operator, key, value }: Comparison, found: string | undefined): boolean {
  const order = found === undefined ? Number.NaN : compareValues(key, found.trim(), value);
  if (operator === ">") return order > 0;
  if (operator === ">=") return order >= 0;
  return operator === "<" ? order < 0 : order <= 0;
}

function describeUnmet(condition: Condition, found: string | undefined): string {
  const wanted = formatCondition(condition);
  if (condition.operator === "!") return `it has the label ${condition.key} (the job asks for ${wanted})`;
  if (found === undefined) return `it has no label ${condition.key} (the job asks for ${wanted})`;
  return `its label is ${condition.key}=${found} (the job asks for ${wanted})`;
}

/** As a person would write it. */
export function formatCondition(condition: Condition): string {
  switch (condition.operator) {
    case "exists":
      return condition.key;
    case "!":
      return `!${condition.key}`;
    case "in":
    case "notin":
      return `${condition.key} ${condition.operator} (${condition.values.map(formatValue).join(",")})`;
    default:
      return `${condition.key}${condition.operator}${formatValue(condition.value)}`;
  }
}

function formatValue(value: string): string {
  return /[,()\s"']/.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value;
}

function readCondition(reader: Reader): Condition {
  if (reader.take("!")) return { operator: "!", key: reader.key() };
  const key = reader.key();
  const word = reader.takeWord("notin") ?? reader.takeWord("in");
  if (word) return { operator: word, key, values: readValues(reader) };
  for (const operator of [">=", "<=", "!=", "==", ">", "<", "="] as const) {
    if (!reader.take(operator)) continue;
    const value = reader.value();
    const isComparison = operator.startsWith(">") || operator.startsWith("<");
    if (isComparison && !isComparable(value)) {
      throw reader.error(
        `${operator} compares numbers and versions, and ${JSON.stringify(value)} is neither`,
      );
    }
    if (isComparison) reader.refuseSeparators(value);
    return { operator: operator === "==" ? "=" : operator, key, value };
  }
  return { operator: "exists", key };
}

function readValues(reader: Reader): string[] {
  reader.expect("(");
  const values = [reader.item()];
  while (reader.take(",")) values.push(reader.item());
  reader.expect(")");
  return values;
}

const JOINED = "join conditions with a comma; for either of two values write KEY in (a,b)";
const NO_PATTERNS = "patterns are not supported: a value is compared literally";

/** Reads a selector from left to right and ignores spaces between its parts. */
class Reader {
  private at = 0;

  constructor(
    private readonly text: string,
    private readonly takesSlips: boolean,
  ) {}

  atEnd(): boolean {
    this.skipSpaces();
    return this.at >= this.text.length;
  }

  take(part: string): boolean {
    this.skipSpaces();
    if (!this.text.startsWith(part, this.at)) return false;
    this.at += part.length;
    return true;
  }

  /** A word operator is followed by a bracket: `in(` and `in (`, but not `inside`. */
  takeWord<Word extends "in" | "notin">(word: Word): Word | undefined {
    this.skipSpaces();
    if (!new RegExp(`^${word}\\s*\\(`).test(this.text.slice(this.at))) return undefined;
    this.at += word.length;
    return word;
  }

  expect(part: string): void {
    if (!this.take(part)) throw this.error(`expected ${JSON.stringify(part)}`);
  }

  /** The comma between two conditions. */
  expectComma(): void {
    if (this.take(",")) return;
    const rest = this.text.slice(this.at);
    this.refuseWord();
    if (/^[!=]?~/.test(rest)) throw this.error(`expected ",": ${NO_PATTERNS}`);
    throw this.error('expected ","');
  }

  private refuseWord(): void {
    if (/^(&|\||;|(and|or)\b)/i.test(this.text.slice(this.at))) throw this.error(`expected ",": ${JOINED}`);
  }

  /** A value of `in (…)`. */
  item(): string {
    const isQuoted = /^\s*["']/.test(this.text.slice(this.at));
    const value = this.value();
    if (value === "" && !isQuoted && !this.takesSlips) {
      throw this.error('a value is missing; write an empty value as ""');
    }
    return value;
  }

  /** `24,000` would mean 24, and a condition on a label 000. */
  refuseSeparators(value: string): void {
    const thousands = /^(,\d{3})+(?=\s*(,|$))/.exec(this.text.slice(this.at))?.[0];
    if (this.takesSlips || !thousands || !/^\d{1,3}$/.test(value)) return;
    throw this.error(`numbers have no commas; write ${value}${thousands.replaceAll(",", "")}`);
  }

  key(): string {
    this.skipSpaces();
    const found = /^[A-Za-z0-9._/-]+/.exec(this.text.slice(this.at))?.[0] ?? "";
    const checked = labelKey.safeParse(found);
    if (!checked.success)
      throw this.error(found === "" ? "expected a label key" : `${found} is not a label key`);
    this.at += found.length;
    return found;
  }

  value(): string {
    this.skipSpaces();
    const rest = this.text.slice(this.at);
    if (/^["']/.test(rest)) return this.quotedValue(rest);
    const found = /^[^,()\s]*/.exec(rest)?.[0] ?? "";
    this.refuseSlip(found);
    const blanks = /^[^\S\n]+(?=[^,()\s])/.exec(rest.slice(found.length))?.[0];
    this.at += found.length;
    if (found !== "" && blanks) {
      this.at += blanks.length;
      this.refuseWord();
      throw this.error('expected ",": put a value with blanks in quotes, as in "NVIDIA L4"');
    }
    return found;
  }

  /** Refuses operators of other languages, which mean something else here. */
  private refuseSlip(value: string): void {
    if (this.takesSlips) return;
    const inQuotes = `put a value that contains it in quotes, as in "${value.replace(/["\\]/g, "\\$&")}"`;
    if (value.startsWith("~")) throw this.error(`${NO_PATTERNS}; ${inQuotes}`);
    const sign = /^[=<>!]/.exec(value)?.[0];
    if (sign) throw this.error(`${sign} cannot begin a value: the operators are = != > >= < <=; ${inQuotes}`);
    const joins = /[|;]|&&/.exec(value)?.[0];
    if (joins) throw this.error(`${joins} is not an operator: ${JOINED}; ${inQuotes}`);
    if (value.includes("*")) throw this.error(`${NO_PATTERNS}; ${inQuotes}`);
  }

  private quotedValue(rest: string): string {
    const found = /^(["'])((?:\\.|(?!\1)[^\\])*)\1/s.exec(rest);
    if (!found) throw this.error(`the quote ${rest[0]} is not closed`);
    this.at += found[0].length;
    return (found[2] ?? "").replace(/\\(.)/gs, "$1");
  }

  error(message: string): SelectorError {
    return new SelectorError(`at column ${this.at + 1} of the selector: ${message}`);
  }

  private skipSpaces(): void {
    while (/\s/.test(this.text.charAt(this.at))) this.at++;
  }
}
