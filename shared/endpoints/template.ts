import { z } from "zod";
import { jobId } from "../ids.ts";
import { job } from "../job.ts";
import { recordOf } from "../labels.ts";
import { jobManifest } from "../manifest.ts";
import { parameterValue } from "../template/parameter.ts";
import {
  template,
  templateEdit,
  templateFile,
  templateName,
  templateRef,
  templateSummary,
  templateVersion,
} from "../template/template.ts";
import { trashOutput } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { templateWire } from "./wire/template.ts";

const version = z.int().min(1);

export const templateEndpoints = defineEndpoints(templateWire, {
  "templates.list": {
    right: "templates.read",
    summary: "Templates, newest first: those of the business and the builtin ones.",
    input: z.strictObject({
      ...pageInput,
      /** true: only builtin templates; false: only those of the business. */
      builtin: z.boolean().optional(),
    }),
    output: z.object({ templates: z.array(templateSummary), ...pageOutput }),
  },
  "templates.retrieve": {
    right: "templates.read",
    summary: "One template, in its newest or in a given version.",
    input: z.strictObject({ template: templateRef, version: version.optional() }),
    output: template,
  },
  "templates.create": {
    right: "templates.write",
    summary: "Create a template. Its job is checked as far as possible without values.",
    input: templateFile,
    output: template,
  },
  "templates.edit": {
    right: "templates.write",
    othersRight: "templates.change-others",
    summary: "Make a new version of a template, unless the edit changes nothing.",
    input: templateEdit,
    output: template,
  },
  "templates.fork": {
    right: "templates.write",
    summary: "Copy a template, builtin or not, to one of the business's own. The copy records its origin.",
    input: z.strictObject({
      template: templateRef,
      version: version.optional(),
      /** The copy's name; absent: the name of the original. */
      name: templateName.optional(),
    }),
    output: template,
  },
  "templates.delete": {
    right: "templates.write",
    othersRight: "templates.change-others",
    summary: "Delete a template with all its versions. Jobs made from it stay.",
    input: z.strictObject({ template: templateRef }),
    output: z.object(trashOutput),
  },
  "templates.versions": {
    right: "templates.read",
    summary: "The kept versions of a template, newest first.",
    input: z.strictObject({ template: templateRef, ...pageInput }),
    output: z.object({ versions: z.array(templateVersion), ...pageOutput }),
  },
  "templates.preview": {
    right: "templates.read",
    summary: "The job that the template makes with these parameter values. Nothing is submitted.",
    input: z.strictObject({
      template: templateRef,
      version: version.optional(),
      params: recordOf(z.string(), parameterValue).default({}),
    }),
    output: z.object({ manifest: z.object(jobManifest.shape) }),
  },
  "templates.run": {
    right: "jobs.run",
    summary: "Submit the template's job with these parameter values. Once this answers, the job is on disk.",
    input: z.strictObject({
      template: templateRef,
      version: version.optional(),
      params: recordOf(z.string(), parameterValue).default({}),
    }),
    output: job,
  },
  "templates.save-job": {
    right: "templates.write",
    summary: "Save a job as a template that runs it again unchanged.",
    input: z.strictObject({ jobId, name: templateName, description: z.string().max(2_000).default("") }),
    output: template,
  },
});
