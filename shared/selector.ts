import { z } from "zod";
import { type Labels, labelKey } from "./labels.ts";

/** One condition of a selector. All of them must hold. */
export type Condition =
  | { operator: "=" | "!=" | ">" | ">=" | "<" | "<="; key: string; value: string }
  | { operator: "in" | "notin"; key: string; values: string[] }
  | { operator: "exists" | "!"; key: string };

const MAX_SELECTOR_LENGTH = 4_096;
const MAX_CONDITIONS = 100;

/**
 * Kubernetes-style label selectors, with comparisons of numbers:
 * `gpu.vendor=nvidia,gpu.memoryMb>=24000,os in (linux,darwin),!spot`. As in Kubernetes, `!=` and `notin` also hold
 * for a node that has no such label. A comparison holds only for a label that is a number, or begins with a version as
 * 6.4.0 or 20.10.24+dfsg1, of which the parts are compared. A value with blanks, commas, brackets or quotes stands in
 * quotes, of which and of itself a backslash takes the meaning: `gpu.model="NVIDIA L4"`.
 * Throws SelectorError naming the column.
 */
export function parseSelector(text: string): Condition[] {
  const conditions: Condition[] = [];
  const reader = new Reader(text);
  if (reader.atEnd()) return conditions;
  for (;;) {
    conditions.push(readCondition(reader));
    if (conditions.length > MAX_CONDITIONS) throw reader.error(`more than ${MAX_CONDITIONS} conditions`);
    if (reader.atEnd()) return conditions;
    reader.expect(",");
  }
}

/** The first condition that the labels do not meet, in words; undefined when they meet all. Pure. */
export function unmetCondition(conditions: readonly Condition[], labels: Labels): string | undefined {
  for (const condition of conditions) {
    if (!holds(condition, labels[condition.key])) return describeUnmet(condition, labels[condition.key]);
  }
  return undefined;
}

export class SelectorError extends Error {
  override name = "SelectorError";
}

/** A selector as a field of a manifest: text that can be read as one. */
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
      return compares(condition.operator, found, condition.value);
  }
}

function compares(operator: ">" | ">=" | "<" | "<=", found: string | undefined, value: string): boolean {
  const order = found === undefined ? Number.NaN : compareToNumber(found.trim(), value);
  if (operator === ">") return order > 0;
  if (operator === ">=") return order >= 0;
  return operator === "<" ? order < 0 : order <= 0;
}

/** Below, above or equal to 0; NaN where the label cannot be compared. */
function compareToNumber(label: string, number: string): number {
  if (label !== "" && !Number.isNaN(Number(label))) return Math.sign(Number(label) - Number(number)) || 0;
  const parts = partsOf(/^\d+(\.\d+)+(?=$|[-+~ ])/, label);
  const wanted = partsOf(/^\d+(\.\d+)*$/, number);
  if (!parts || !wanted) return Number.NaN;
  const differing = wanted.findIndex((part, at) => part !== (parts[at] ?? 0));
  if (differing >= 0) return (parts[differing] ?? 0) - (wanted[differing] ?? 0);
  // 6.4.0 is neither more nor less than 6.4, and 6.4.1 is more.
  return parts.slice(wanted.length).some((part) => part > 0) ? 1 : 0;
}

function partsOf(version: RegExp, text: string): number[] | undefined {
  return version.exec(text)?.[0].split(".").map(Number);
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
    if (isComparison && (value === "" || Number.isNaN(Number(value)))) {
      throw reader.error(`${operator} compares numbers, and ${JSON.stringify(value)} is none`);
    }
    return { operator: operator === "==" ? "=" : operator, key, value };
  }
  return { operator: "exists", key };
}

function readValues(reader: Reader): string[] {
  reader.expect("(");
  const values = [reader.value()];
  while (reader.take(",")) values.push(reader.value());
  reader.expect(")");
  return values;
}

/** Reads a selector from left to right; spaces between its parts mean nothing. */
class Reader {
  private at = 0;

  constructor(private readonly text: string) {}

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

  /** A word operator stands apart from what follows: `in(` and `in (`, but not `inside`. */
  takeWord<Word extends "in" | "notin">(word: Word): Word | undefined {
    this.skipSpaces();
    if (!new RegExp(`^${word}\\s*\\(`).test(this.text.slice(this.at))) return undefined;
    this.at += word.length;
    return word;
  }

  expect(part: string): void {
    if (!this.take(part)) throw this.error(`expected ${JSON.stringify(part)}`);
  }

  key(): string {
    this.skipSpaces();
    const found = /^[A-Za-z0-9._/-]+/.exec(this.text.slice(this.at))?.[0] ?? "";
    const checked = labelKey.safeParse(found);
    if (!checked.success)
      throw this.error(found === "" ? "expected a label key" : `${found} is no label key`);
    this.at += found.length;
    return found;
  }

  value(): string {
    this.skipSpaces();
    const rest = this.text.slice(this.at);
    if (/^["']/.test(rest)) return this.quotedValue(rest);
    const found = /^[^,()\s]*/.exec(rest)?.[0] ?? "";
    const blanks = /^[^\S\n]+(?=[^,()\s])/.exec(rest.slice(found.length))?.[0];
    this.at += found.length;
    if (found !== "" && blanks) {
      this.at += blanks.length;
      throw this.error('expected ",": a value with blanks is written in quotes, as "NVIDIA L4"');
    }
    return found;
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
