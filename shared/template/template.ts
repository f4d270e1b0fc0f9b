import { z } from "zod";
import { readAs } from "../config/text-places.ts";
import { templateId } from "../ids.ts";
import { recordOf } from "../labels.ts";
import { limits } from "../limits.ts";
import { jobFields } from "../manifest.ts";
import { timestamp } from "../timestamp.ts";
import { type TemplateParameter, templateParameter } from "./parameter.ts";
import { problemsOf } from "./problems.ts";

const MAX_PARAMETERS = 100;
/** Text that looks like an id always means an id. */
const ID_LIKE = /^tpl_/;

export const templateName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, {
    error: "a template's name is 1 to 100 letters, digits and . _ -, beginning with a letter or digit",
  })
  .refine((name) => !ID_LIKE.test(name), {
    error: "a name must not begin with tpl_, which is reserved for ids",
  });

/** A template in a request: its name, where the business's own templates come first, or its id. */
export const templateRef = z.union([templateId, templateName], {
  error: "must be a template's name or id",
});

/** The content of a template. A version is everything except the name. */
const contentFields = {
  description: z.string().max(2_000).default(""),
  parameters: z.array(templateParameter).max(MAX_PARAMETERS).default([]),
  /** A job manifest; any string in it may contain `{{name}}`. */
  job: readAs(
    recordOf(z.string(), z.unknown()).refine((job) => JSON.stringify(job).length <= limits.maxCommandBytes, {
      error: `at most ${limits.maxCommandBytes} bytes`,
    }),
    jobFields,
  ),
};

/** A template file, and the body of `templates/create`. */
export const templateFile = z
  .strictObject({ name: templateName, ...contentFields })
  .superRefine((file, context) => addProblems(file, (issue) => context.addIssue(issue)));
export type TemplateFile = z.output<typeof templateFile>;
export type TemplateFileInput = z.input<typeof templateFile>;

/** The body of `templates/edit`: the template and its complete new content. */
export const templateEdit = z
  .strictObject({
    template: templateRef,
    /** If this is not the newest version any more, the edit fails with `conflict`. */
    expectedVersion: z.int().min(1).optional(),
    /** A new name. */
    name: templateName.optional(),
    ...contentFields,
  })
  .superRefine((file, context) => addProblems(file, (issue) => context.addIssue(issue)));

function addProblems(
  file: { parameters: TemplateParameter[]; job: Record<string, unknown> },
  add: (issue: { code: "custom"; path: PropertyKey[]; message: string }) => void,
): void {
  for (const { path, message } of problemsOf(file)) add({ code: "custom", path, message });
}

/** A template as the API shows it, without its job. */
export const templateSummary = z.object({
  templateId,
  /** Whether it comes with the server: everybody can use it, and nobody can change it. */
  builtin: z.boolean(),
  name: templateName,
  description: z.string(),
  parameters: z.array(z.object(templateParameter.shape)),
  /** Counts from 1; each edit makes the next version. */
  version: z.int().min(1),
  /** The template and version it was copied from. */
  forkedFrom: z.object({ templateId, version: z.int().min(1) }).optional(),
  /** The author of this version; absent for a builtin template. */
  userId: z.string().optional(),
  createdAt: timestamp,
  updatedAt: timestamp,
});
export const template = templateSummary.extend({ job: z.record(z.string(), z.unknown()) });
export type Template = z.infer<typeof template>;
export type TemplateSummary = z.infer<typeof templateSummary>;

export const templateVersion = z.object({
  version: z.int().min(1),
  description: z.string(),
  userId: z.string().optional(),
  createdAt: timestamp,
});
