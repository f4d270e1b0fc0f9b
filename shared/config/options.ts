import { z } from "zod";
import { valueAt } from "../value-at.ts";

/**
 * An option of a command, declared once: the flag, the environment variable, the key in the config file, the help text
 * and the check all come from here.
 */
export interface Option {
  /** Its heading in the help of a command with many options. */
  group?: OptionGroup;
  /** `flag`: present or not. `value`: takes one value. `list`: may be repeated. */
  kind: "flag" | "value" | "list";
  /** One letter, such as `f` for `-f`. */
  short?: string;
  /** The name of the value in the help, such as `SECONDS`. */
  placeholder?: string;
  /** The environment variable, read if the flag is not given. */
  env?: string;
  /** The key in the config file, such as `limits.memoryMb`, read if neither flag nor variable is given. */
  fileKey?: string;
  /**
   * Parses and checks the text or texts of the flag or variable, and the value of the file. A function makes the schema if
   * the option is given; if not, its value is undefined. Most options are not given, and making schemas takes time.
   */
  schema: z.ZodType | (() => z.ZodType);
  /** The default as the help shows it; the actual default is `schema`'s. */
  defaultText?: string;
  help: string;
}

/** In the order of the help. */
export const optionGroups = [
  "What it runs",
  "Files and secrets",
  "Where it runs",
  "When, and in which order",
  "Limits and retries",
  "Containers",
  "Workflows",
  "Output and waiting",
  "Connection",
] as const;
export type OptionGroup = (typeof optionGroups)[number];

/** Options by flag name without the dashes, as `data-dir`. */
export type OptionTable = Readonly<Record<string, Option>>;
export type OptionValues<Table extends OptionTable> = {
  [Name in keyof Table]: ValueOf<Table[Name]["schema"]>;
};

type ValueOf<Schema extends Option["schema"]> = Schema extends z.ZodType
  ? z.output<Schema>
  : Schema extends () => z.ZodType
    ? z.output<ReturnType<Schema>> | undefined
    : never;

export function defineOptions<const Table extends OptionTable>(table: Table): Table {
  return table;
}

/** An option has an invalid value; `source` says where it came from: a flag, a variable or a key of a file. */
export class OptionError extends Error {
  override name = "OptionError";

  constructor(
    readonly source: "flag" | "env" | "file",
    message: string,
  ) {
    super(message);
  }
}

export interface OptionSources {
  /** By option name: a string for a value, true for a flag, strings for a list. */
  flags: Readonly<Record<string, unknown>>;
  env: Readonly<Record<string, string | undefined>>;
  /** The parsed config file, if there is one, and its path for messages. */
  file?: { path: string; content: unknown };
}

/** The value of each option, by precedence: flag, environment, file, default. Throws OptionError. */
export function resolveOptions<Table extends OptionTable>(
  table: Table,
  sources: OptionSources,
): OptionValues<Table> {
  const values: Record<string, unknown> = {};
  for (const [name, option] of Object.entries(table)) {
    const found = findValue(name, option, sources);
    const schema = schemaFor(option, found.value);
    if (schema === undefined) {
      values[name] = undefined;
      continue;
    }
    const result = schema.safeParse(found.value);
    if (!result.success) {
      const message = result.error.issues[0]?.message ?? "is not valid";
      throw new OptionError(found.source, `${found.label}: ${message}`);
    }
    values[name] = result.data;
  }
  return values as OptionValues<Table>;
}

/** undefined: the option may be missing, and is. */
function schemaFor({ schema }: Option, value: unknown): z.ZodType | undefined {
  if (typeof schema !== "function") return schema;
  return value === undefined ? undefined : schema();
}

function findValue(name: string, option: Option, sources: OptionSources) {
  if (sources.flags[name] !== undefined) {
    return { source: "flag" as const, label: `--${name}`, value: sources.flags[name] };
  }
  const fromEnv = option.env ? sources.env[option.env] : undefined;
  if (fromEnv !== undefined && fromEnv !== "") {
    return { source: "env" as const, label: option.env ?? "", value: envValue(option, fromEnv) };
  }
  const fromFile = option.fileKey ? valueAt(sources.file?.content, option.fileKey.split(".")) : undefined;
  if (fromFile !== undefined) {
    return { source: "file" as const, label: `${sources.file?.path}: ${option.fileKey}`, value: fromFile };
  }
  return { source: "flag" as const, label: `--${name}`, value: undefined };
}

function envValue(option: Option, text: string): unknown {
  if (option.kind === "list") return text.split(",").map((part) => part.trim());
  if (option.kind === "flag") return text === "1" || text.toLowerCase() === "true";
  return text;
}

const offByDefault = z.boolean().default(false);

/** A flag, off by default. */
export function flagOption(help: string, group?: OptionGroup) {
  return { kind: "flag", schema: offByDefault, help, group } as const;
}

/** Text of an option. */
export const optionText = z.string({
  error: ({ input }) => (input === undefined ? "is missing" : "must be text"),
});

/** A number: flags and variables give text, files may give numbers. */
export function optionNumber(range: { min?: number; max?: number; integer?: boolean; unit?: string }) {
  const { min = -Infinity, max = Infinity, integer = false } = range;
  const what = `${integer ? "a whole number" : "a number"}${range.unit ? ` of ${range.unit}` : ""}`;
  const bounds = [min > -Infinity ? `at least ${min}` : "", max < Infinity ? `at most ${max}` : ""];
  const message = [`must be ${what}`, ...bounds].filter(Boolean).join(", ");
  return z
    .union([z.number(), z.string().trim().min(1).transform(Number)], { error: message })
    .refine((n) => n >= min && n <= max && (integer ? Number.isInteger(n) : Number.isFinite(n)), {
      error: message,
    });
}

/** `KEY=VALUE` texts as a record; the last value of a repeated key wins. */
export function optionPairs(what: string) {
  return z
    .array(z.string().regex(/^[^=]+=/, { error: `must be ${what}, as KEY=VALUE` }))
    .transform((pairs) =>
      Object.fromEntries(
        pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]),
      ),
    );
}
