import type { RE2JS } from "re2js";
import { textOf } from "../../../shared/text-of.ts";

/** The longest line for a pattern with so many repeats: in a longer one there could be too many ways to match. */
const FAST_LENGTHS = [1_024, 1_024, 1_024, 400, 150, 100];
const MIN_FAST_LENGTH = 60;
/** A longer line is not searched for problems. */
const MAX_LENGTH = 8_192;
/** A pattern that once took so long is matched in linear time from then on. */
const SLOW_MS = 20;

/**
 * A regular expression of a problem matcher. Somebody else wrote it, so it must not hang the engine: JavaScript's engine,
 * which is fast, gets only expressions without repeats inside repeats, and short lines; RE2, whose time is linear, gets the
 * rest.
 */
export class LinePattern {
  /** How many groups it has. */
  readonly groups: number;
  private readonly fast: RegExp;
  private slow: RE2JS | undefined;
  private fastLength: number;

  /** Throws an Error if the expression is not valid. */
  constructor(private readonly source: string) {
    try {
      this.fast = new RegExp(source);
    } catch (error) {
      throw new Error(`The pattern '${source}' is not a regular expression: ${textOf(error)}`);
    }
    this.groups = (new RegExp(`${source}|`).exec("")?.length ?? 1) - 1;
    this.fastLength = hasNestedRepeats(source)
      ? 0
      : (FAST_LENGTHS[source.match(/[*+]|\{\d+,\d*\}/g)?.length ?? 0] ?? MIN_FAST_LENGTH);
  }

  /** The groups of the first match; undefined: there is no match. Throws an Error if it could take for ever. */
  match(line: string): string[] | undefined {
    if (line.length > MAX_LENGTH) return undefined;
    if (line.length > this.fastLength) return this.matchLinear(line);
    const startMs = performance.now();
    const found = this.fast.exec(line);
    if (performance.now() - startMs > SLOW_MS) this.fastLength = 0;
    return found ? Array.from(found, (group) => group ?? "") : undefined;
  }

  private matchLinear(line: string): string[] | undefined {
    const matcher = this.linear().matcher(line);
    if (!matcher.find()) return undefined;
    return Array.from({ length: this.groups + 1 }, (_, index) => matcher.group(index) ?? "");
  }

  private linear(): RE2JS {
    if (this.slow) return this.slow;
    // Loads the engine only if a line or a pattern needs it.
    const { RE2JS } = require("re2js") as typeof import("re2js");
    try {
      this.slow = RE2JS.compile(this.source);
    } catch (error) {
      throw new Error(
        `The pattern '${this.source}' could take for ever: it repeats what repeats, and RE2 cannot match it: ${textOf(error)}`,
      );
    }
    return this.slow;
  }
}

/** Whether a group with a repeat or a choice in it repeats: the only way to need exponential time. */
export function hasNestedRepeats(source: string): boolean {
  const open: { branches: boolean }[] = [];
  let inClass = false;
  let closed: { branches: boolean } | undefined;
  for (let i = 0; i < source.length; i++) {
    const char = source[i];
    if (char === "\\") {
      // A group referred to may repeat anything.
      if (/[1-9k]/.test(source[i + 1] ?? "")) return true;
      i++;
      closed = undefined;
    } else if (inClass) {
      if (char === "]") inClass = false;
    } else if (char === "[") {
      inClass = true;
      closed = undefined;
    } else if (char === "(") {
      open.push({ branches: false });
      closed = undefined;
    } else if (char === ")") {
      closed = open.pop();
      const outer = open.at(-1);
      if (outer && closed?.branches) outer.branches = true;
    } else if (char === "*" || char === "+" || (char === "{" && /^\{\d+(,\d*)?\}/.test(source.slice(i)))) {
      if (closed?.branches) return true;
      for (const group of open) group.branches = true;
      closed = undefined;
    } else if (char === "|") {
      for (const group of open) group.branches = true;
      closed = undefined;
    } else closed = undefined;
  }
  return false;
}
