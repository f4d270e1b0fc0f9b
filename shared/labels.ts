import { z } from "zod";
import { limits } from "./limits.ts";
import { once } from "./once.ts";

/** Text that can be passed to a process unchanged. */
export const noNul = (what: string) =>
  z
    .string()
    .refine((text) => !text.includes("\0"), { error: `${what} must not contain a null byte` })
    .refine((text) => text.isWellFormed(), {
      error: `${what} is not valid Unicode: it contains half a character`,
    });

/** Text that a file may also write as a scalar, such as `cpuCount: 8` or `gpu: true`. */
export const scalar = (what: string) =>
  z
    .union([z.string(), z.number(), z.boolean()], { error: `${what} must be text, a number or a boolean` })
    .transform(String)
    .pipe(noNul(what));

/** Like `z.record`, but keeps a key `__proto__`, which `z.record` silently drops. */
export function recordOf<Value extends z.ZodType>(
  key: z.ZodType<string, string>,
  value: Value,
): z.ZodType<Record<string, z.output<Value>>, Record<string, z.input<Value>>> {
  // `__proto__`, and keys that look like its new name, get one more _ on their way through `z.record`.
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

export const labelKey = once(() =>
  z
    .string()
    .max(128)
    .regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$/, {
      error:
        "a label key may contain letters, digits and . _ / -, and must begin and end with a letter or digit",
    }),
);
/** The node's name on the server: a label every node has and no agent announces. */
export const NODE_NAME_LABEL = "node.name";

export const labels = once(() =>
  z
    .record(labelKey(), scalar("a label value").pipe(z.string().max(256)))
    .refine((map) => Object.keys(map).length <= limits.maxLabels, {
      error: `at most ${limits.maxLabels} labels`,
    }),
);
export type Labels = z.infer<ReturnType<typeof labels>>;
