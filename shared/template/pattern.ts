import type { RE2JS } from "re2js";
import { patternSize } from "./pattern-size.ts";

/** Longer values are refused if there is a pattern. */
export const MAX_MATCHED_LENGTH = 4_096;
/** Largest size of one pattern. */
const MAX_SIZE = 2_000;
/** Largest size of all patterns of a request together, because compiling takes time. */
const MAX_SIZE_IN_ALL = 5_000;
/** Largest matching work of a request: steps of the pattern times characters of the value, about 50 ms at worst. */
const MAX_WORK_IN_ALL = 500_000;

/** A pattern cannot be used, or cannot be matched with this value; the message says why. */
export class PatternError extends Error {
  override name = "PatternError";
}

/**
 * The regular expressions of one request; each must match a whole value. Users write them and the server runs them, so
 * they use RE2, whose time is at most the length of the value times the size of the pattern. The sum per request is limited.
 */
export class Patterns {
  private readonly compiled = new Map<string, RE2JS>();
  private size = 0;
  private work = 0;

  /** Throws PatternError if the pattern is invalid or too large. */
  check(source: string): undefined {
    this.compile(source);
  }

  /** Whether the pattern matches the whole value. Throws PatternError. */
  matches(source: string, value: string): boolean {
    const pattern = this.compile(source);
    this.work += pattern.programSize() * (value.length + 1);
    if (this.work > MAX_WORK_IN_ALL) {
      throw new PatternError(
        "is too much work to match: shorten the value or the pattern, or use fewer patterns in the template",
      );
    }
    return pattern.testExact(value);
  }

  private compile(source: string): RE2JS {
    const known = this.compiled.get(source);
    if (known) return known;
    const size = patternSize(source);
    this.size += size;
    if (size > MAX_SIZE) throw new PatternError("is too large: shorten it, or repeat less");
    if (this.size > MAX_SIZE_IN_ALL) {
      throw new PatternError("is too large together with the other patterns: shorten them, or repeat less");
    }
    const pattern = compile(source);
    this.compiled.set(source, pattern);
    return pattern;
  }
}

function compile(source: string): RE2JS {
  // Loads the engine only if there is a pattern.
  const re2 = require("re2js") as typeof import("re2js");
  try {
    return re2.RE2JS.compile(source);
  } catch (error) {
    if (!(error instanceof re2.RE2JSException)) throw error;
    throw new PatternError(`is not a valid RE2 regular expression: ${reasonOf(error)}`);
  }
}

function reasonOf({ message }: Error): string {
  return message.replace(/^error parsing regexp: /, "");
}
