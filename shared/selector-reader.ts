import { labelKey } from "./labels.ts";
import { isComparable } from "./version-order.ts";

/** A condition of a selector. A node must meet all conditions. */
export type Condition =
  | { operator: "=" | "!=" | ">" | ">=" | "<" | "<="; key: string; value: string }
  | { operator: "in" | "notin"; key: string; values: string[] }
  | { operator: "exists" | "!"; key: string };

export class SelectorError extends Error {
  override name = "SelectorError";
}

/** Reads the next condition. Throws SelectorError. */
export function readCondition(reader: SelectorReader): Condition {
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

function readValues(reader: SelectorReader): string[] {
  reader.expect("(");
  const values = [reader.item()];
  while (reader.take(",")) values.push(reader.item());
  reader.expect(")");
  return values;
}

const JOINED = "join conditions with a comma; for either of two values write KEY in (a,b)";
const NO_PATTERNS = "patterns are not supported: a value is compared literally";

/** Reads a selector from left to right and ignores spaces between its parts. */
export class SelectorReader {
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
    const checked = labelKey().safeParse(found);
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
