import { z } from "zod";
import { limits } from "./limits.ts";

export const noNul = (what: string) =>
  z.string().refine((text) => !text.includes("\0"), { error: `${what} must not contain a null byte` });

/** YAML writes `cpuCount: 8` and `gpu: true`; labels and variables are strings all the same. */
export const scalar = (what: string) =>
  z
    .union([z.string(), z.number(), z.boolean()], { error: `${what} must be text, a number or a boolean` })
    .transform(String)
    .pipe(noNul(what));

export const labelKey = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?$/, {
    error: "a label key is letters, digits and . _ / - and begins and ends with a letter or digit",
  });
export const labels = z
  .record(labelKey, scalar("a label value").pipe(z.string().max(256)))
  .refine((map) => Object.keys(map).length <= limits.maxLabels, {
    error: `at most ${limits.maxLabels} labels`,
  });
export type Labels = z.infer<typeof labels>;
