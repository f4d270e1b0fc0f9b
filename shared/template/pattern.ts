import type { RE2JS } from "re2js";
import { patternSize } from "./pattern-size.ts";

/** A longer value is refused where there is a pattern. */
export const MAX_MATCHED_LENGTH = 4_096;
/** Of one pattern. */
const MAX_SIZE = 2_000;
/** Of all patterns of a request, as compiling them takes time. */
const MAX_SIZE_IN_ALL = 5_000;
/** Of all matching of a request: steps of the pattern times characters of the value, some 50 ms in the worst case. */
const MAX_WORK_IN_ALL = 500_000;

/** A pattern that cannot be used, or that cannot be matched with this value, and why. */
export class PatternError extends Error {
  override name = "PatternError";
}

/**
 * The regular expressions of one request, each of which a whole value must match. Everybody may write one, and they run
 * in the server: RE2 takes no longer than the length of the value times the size of the pattern, and what all of a
 * request may take together is bounded by that.
 */
export class Patterns {
  private readonly compiled = new Map<string, RE2JS>();
  private size = 0;
  private work = 0;

  /** Throws PatternError where this is no pattern, or too large a one. */
  check(source: string): undefined {
    this.compile(source);
  }

  /** Whether the whole of `value` is what the pattern describes. Throws PatternError. */
  matches(source: string, value: string): boolean {
    const pattern = this.compile(source);
    this.work += pattern.programSize() * (value.length + 1);
    if (this.work > MAX_WORK_IN_ALL) {
      throw new PatternError(
        "is too much work to match: shorten the value or the pattern, or have fewer of them in one template",
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
  // Only who has a pattern pays for the engine.
  const re2 = require("re2js") as typeof import("re2js");
  try {
    return re2.RE2JS.compile(source);
  } catch (error) {
    if (!(error instanceof re2.RE2JSException)) throw error;
    throw new PatternError(`is no regular expression of RE2: ${reasonOf(error)}`);
  }
}

function reasonOf({ message }: Error): string {
  return message.replace(/^error parsing regexp: /, "");
}
