import { z } from "zod";
import { allFields, type FieldsSchema } from "./job-fields.ts";
import { addProblems, asManifest, inputsWithSource, withGrace } from "./manifest-rules.ts";

/** The manifest's fields; `jobManifest` adds the rules that span several fields. */
export const jobFields: FieldsSchema = allFields();

/**
 * The job manifest: the body of `jobs/submit` and the content of `job submit --file`. Only `command` is required, or
 * the `image` of a DOCKER job, or the `workflow` of a GITHUB_ACTION job. Unknown fields are refused, so a typing error is
 * found before the job runs without the field.
 */
export const jobManifest = asManifest(jobFields);

/** A job file of the command line, whose inputs may be files of the submitter. */
export const jobFile = jobFields.superRefine(addProblems).check(z.overwrite(withGrace));

/** The same where the repository of a workflow may come from the submitter too. */
export const localJobFile = jobFields
  .superRefine((job, context) => addProblems({ ...job, inputs: inputsWithSource(job) }, context))
  .check(z.overwrite(withGrace));

/** With every default filled in. */
export type JobManifest = z.infer<typeof jobManifest>;
/** As a person writes it. */
export type JobManifestInput = z.input<typeof jobManifest>;
