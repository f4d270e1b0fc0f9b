import { z } from "zod";
import { excerpt } from "../excerpt.ts";
import { MAX_MATCHED_LENGTH, PatternError, type Patterns } from "./pattern.ts";
import { namesInWords } from "./placeholders.ts";

export const parameterType = z.enum(["string", "number", "boolean", "enum", "file"]);
export type ParameterType = z.infer<typeof parameterType>;

/** A given value: `--param` gives strings, JSON may give numbers and booleans. */
export const parameterValue = z.union([z.string(), z.number(), z.boolean()], {
  error: "must be text, a number or a boolean",
});
export type ParameterValue = z.infer<typeof parameterValue>;

/** The longest argument the kernel accepts. */
export const MAX_ARGUMENT_BYTES = 128 * 1024 - 1;
const MAX_PATTERN_LENGTH = 500;
/** As JSON writes numbers. */
const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

const shape = z.strictObject({
  name: z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,62}$/, {
    error: "a parameter's name is 1 to 63 letters, digits, _ and -, and begins with a letter or _",
  }),
  type: parameterType,
  required: z.boolean().default(false),
  /** Used if no value is given. */
  default: parameterValue.optional(),
  /** For string and file: a regular expression the whole value must match. */
  pattern: z.string().max(MAX_PATTERN_LENGTH).optional(),
  /** For enum: the allowed values. */
  values: z.array(z.string()).min(1).max(1_000).optional(),
  /** For number: the bounds. */
  min: z.number().optional(),
  max: z.number().optional(),
  /** Explains the parameter to people who run the template. */
  help: z.string().max(500).optional(),
});
export type TemplateParameter = z.infer<typeof shape>;

const typesOf: Partial<Record<keyof TemplateParameter, readonly ParameterType[]>> = {
  pattern: ["string", "file"],
  values: ["enum"],
  min: ["number"],
  max: ["number"],
};

export const templateParameter = shape.superRefine((parameter, context) => {
  const issue = (field: keyof TemplateParameter, message: string) =>
    context.addIssue({ code: "custom", path: [field], message });
  for (const [field, types] of Object.entries(typesOf) as [keyof TemplateParameter, ParameterType[]][]) {
    if (parameter[field] === undefined || types.includes(parameter.type)) continue;
    issue(
      field,
      `is only for parameters of type ${types.join(" and ")}; this parameter is a ${parameter.type}`,
    );
  }
  if (parameter.type === "enum" && !parameter.values) issue("values", "is missing: list the allowed values");
  if (parameter.required && parameter.default !== undefined) {
    issue("required", "must not be combined with a default, which always provides a value");
  }
});

/** The value of a parameter in a job: as text, and as itself for fields that are not strings. */
export interface Filling {
  text: string;
  value: ParameterValue;
}

/** As YAML writes them. */
const BOOLEANS: Readonly<Partial<Record<string, boolean>>> = Object.assign(Object.create(null), {
  true: true,
  True: true,
  TRUE: true,
  false: false,
  False: false,
  FALSE: false,
});

/** Converts a value to the parameter's type, or says what is wrong with it. Its pattern is checked if `patterns` is given. */
export function checkValue(
  parameter: TemplateParameter,
  given: ParameterValue,
  patterns?: Patterns,
): Filling | { problem: string } {
  const text = String(given);
  if (text.includes("\0")) return { problem: "must not contain a null byte: no process can receive one" };
  if (!text.isWellFormed()) return { problem: "is not valid Unicode: it contains half a character" };
  if (Buffer.byteLength(text) > MAX_ARGUMENT_BYTES)
    return { problem: `is longer than ${MAX_ARGUMENT_BYTES} bytes` };
  if (parameter.type === "number") return checkNumber(parameter, text);
  if (parameter.type === "boolean") {
    const value = BOOLEANS[text];
    if (value === undefined) return { problem: `must be true or false, not ${excerpt(text)}` };
    return { text: String(value), value };
  }
  if (parameter.type === "enum" && !parameter.values?.includes(text)) {
    return {
      problem: `must be one of ${namesInWords(parameter.values ?? [])}, not ${excerpt(text)}`,
    };
  }
  if (parameter.type === "file" && text === "") return { problem: "must name a file; it is empty" };
  const unmatched = patterns && problemOfMatch(parameter.pattern, text, patterns);
  return unmatched ? { problem: unmatched } : { text, value: text };
}

/** The text stays as given: `1.50` does not become `1.5`, and long numbers keep all digits. */
function checkNumber({ min, max }: TemplateParameter, text: string): Filling | { problem: string } {
  const value = Number(text);
  if (!NUMBER.test(text) || !Number.isFinite(value)) {
    return { problem: `must be a number like 12 or 0.5, not ${excerpt(text)}` };
  }
  if (min !== undefined && value < min) return { problem: `must be at least ${min}, not ${excerpt(text)}` };
  if (max !== undefined && value > max) return { problem: `must be at most ${max}, not ${excerpt(text)}` };
  return { text, value };
}

/** Checks a parameter's pattern, and its default against pattern and type. */
export function problemOfParameter(
  parameter: TemplateParameter,
  patterns: Patterns,
): { field: "pattern" | "default"; message: string } | undefined {
  const { pattern, default: fallback } = parameter;
  const message = pattern === undefined ? undefined : patternProblem(() => patterns.check(pattern));
  if (message !== undefined) return { field: "pattern", message };
  if (fallback === undefined) return undefined;
  const checked = checkValue(parameter, fallback, patterns);
  return "problem" in checked ? { field: "default", message: checked.problem } : undefined;
}

function problemOfMatch(source: string | undefined, text: string, patterns: Patterns): string | undefined {
  if (source === undefined) return undefined;
  if (text.length > MAX_MATCHED_LENGTH) return `is longer than ${MAX_MATCHED_LENGTH} characters`;
  return patternProblem(() =>
    patterns.matches(source, text) ? undefined : `must match ${source}, and ${excerpt(text)} does not`,
  );
}

function patternProblem(step: () => string | undefined): string | undefined {
  try {
    return step();
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}
