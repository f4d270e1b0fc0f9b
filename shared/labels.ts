import { z } from "zod";
import { limits } from "./limits.ts";

/** A text that a process can be given as it is. */
export const noNul = (what: string) =>
  z
    .string()
    .refine((text) => !text.includes("\0"), { error: `${what} must not contain a null byte` })
    .refine((text) => text.isWellFormed(), {
      error: `${what} is not valid Unicode: it holds half of a character`,
    });

/** YAML writes `cpuCount: 8` and `gpu: true`; labels and variables are strings all the same. */
export const scalar = (what: string) =>
  z
    .union([z.string(), z.number(), z.boolean()], { error: `${what} must be text, a number or a boolean` })
    .transform(String)
    .pipe(noNul(what));

/** As `z.record`, which leaves out a key `__proto__` without a word. */
export function recordOf<Value extends z.ZodType>(
  key: z.ZodType<string, string>,
  value: Value,
): z.ZodType<Record<string, z.output<Value>>, Record<string, z.input<Value>>> {
  // The key of that name, and keys that this makes of it, have one more _ on their way through.
  const renamed = (from: RegExp, to: string) => (record: Record<string, z.output<Value>>) =>
    Object.keys(record).some((name) => from.test(name))
      ? Object.fromEntries(Object.entries(record).map(([name, inner]) => [name.replace(from, to), inner]))
      : record;
  const isRecord = (input: unknown) => typeof input === "object" && input !== null && !Array.isArray(input);
  const longer = renamed(/^__proto__(_*)$/, "__proto___$1");
  const shorter = renamed(/^__proto___(_*)$/, "__proto__$1");
  return z
    .preprocess((input) => (isRecord(input) ? longer(input as never) : input), z.record(key, value))
    .transform(shorter) as never;
}

export const labelKey = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$/, {
    error: "a label key is letters, digits and . _ / - and begins and ends with a letter or digit",
  });
/** What the server itself calls a node: a label that every node has and none announces. */
export const NODE_NAME_LABEL = "node.name";

export const labels = z
  .record(labelKey, scalar("a label value").pipe(z.string().max(256)))
  .refine((map) => Object.keys(map).length <= limits.maxLabels, {
    error: `at most ${limits.maxLabels} labels`,
  });
export type Labels = z.infer<typeof labels>;
