import { z } from "zod";
import { limits } from "./limits.ts";
import { once } from "./once.ts";

/** The indexes of an array, each once and in the order written, and how many may run at the same time. */
export interface ArrayIndexes {
  indexes: number[];
  /** Undefined: no limit. */
  atOnce: number | undefined;
}

const MAX_INDEX = 999_999_999;
const MAX_AT_ONCE = 99_999;
const EXAMPLES = "1-100, 1,3,5, 0-15:4 or 1-100%8";

/** Parses `1-3,7,9-11%2`, or says what is wrong with it, in one sentence without a subject. */
export function readArrayIndexes(text: string): ArrayIndexes | { problem: string } {
  const [list = "", ...rest] = text.split("%");
  const [most, ...more] = rest.map((part) => part.trim());
  if (more.length > 0) return { problem: 'has more than one "%"' };
  if (most !== undefined && !(/^\d{1,5}$/.test(most) && Number(most) >= 1)) {
    return {
      problem: `needs the number of jobs to run at once after "%": 1 to ${MAX_AT_ONCE}, not "${most}"`,
    };
  }
  if (list.trim() === "") return { problem: `names no index; write indexes like ${EXAMPLES}` };
  const indexes = new Set<number>();
  for (const part of list.split(",")) {
    const range = readRange(part.trim());
    if ("problem" in range) return range;
    const { first, last, step } = range;
    const total = indexes.size + Math.floor((last - first) / step) + 1;
    if (total > limits.maxArrayJobs) {
      return { problem: `has ${total} indexes or more; at most ${limits.maxArrayJobs} are allowed` };
    }
    for (let index = first; index <= last; index += step) {
      if (indexes.has(index)) return { problem: `names index ${index} twice` };
      indexes.add(index);
    }
  }
  return { indexes: [...indexes], atOnce: most === undefined ? undefined : Number(most) };
}

interface Range {
  first: number;
  last: number;
  step: number;
}

function readRange(part: string): Range | { problem: string } {
  if (part === "") return { problem: "has a comma without an index before or after it" };
  const [, from = "", to, every] = /^(\d+)(?:-(\d+)(?::(\d+))?)?$/.exec(part) ?? [];
  if (from === "") {
    return {
      problem: `"${part}" is neither an index nor a range; write indexes like ${EXAMPLES}`,
    };
  }
  const range: Range = { first: Number(from), last: Number(to ?? from), step: Number(every ?? 1) };
  if (Math.max(range.first, range.last) > MAX_INDEX) {
    return { problem: `holds ${part}; the largest index is ${MAX_INDEX}` };
  }
  if (range.last < range.first) return { problem: `${part} counts down; write the smaller index first` };
  if (range.step < 1) return { problem: `has the step 0 in ${part}; the smallest step is 1` };
  return range;
}

/** Throws if `arrayIndexes` would refuse the text. */
export function parseArrayIndexes(text: string): ArrayIndexes {
  const read = readArrayIndexes(text);
  if ("problem" in read) throw new Error(`The array "${text}" ${read.problem}`);
  return read;
}

/** An option or a field of a job file: text, or one index as a number. */
export const arrayIndexes = once(() =>
  z
    .union([z.string(), z.number()], { error: `must be text like ${EXAMPLES}` })
    .transform((value, context) => {
      const text = String(value);
      const read = readArrayIndexes(text);
      if (!("problem" in read)) return text;
      context.addIssue({ code: "custom", message: read.problem });
      return z.NEVER;
    }),
);
