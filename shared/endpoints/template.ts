import { z } from "zod";
import { jobId } from "../ids.ts";
import { job } from "../job.ts";
import { recordOf } from "../labels.ts";
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

const version = z.int().min(1);

export const templateEndpoints = defineEndpoints({
  "templates.list": {
    method: "POST",
    path: "/api/compute/templates/list",
    callers: ["user"],
    right: "templates.read",
    summary: "Templates, newest first: those of the business and the builtin ones.",
    input: z.strictObject({
      ...pageInput,
      /** true: only builtin templates; false: only those of the business. */
      builtin: z.boolean().optional(),
    }),
    output: z.object({ templates: z.array(templateSummary), ...pageOutput }),
    errors: [],
    repeatable: true,
  },
  "templates.retrieve": {
    method: "POST",
    path: "/api/compute/templates/retrieve",
    callers: ["user"],
    right: "templates.read",
    summary: "One template, in its newest or in a given version.",
    input: z.strictObject({ template: templateRef, version: version.optional() }),
    output: template,
    errors: ["not_found"],
    repeatable: true,
  },
  "templates.create": {
    method: "POST",
    path: "/api/compute/templates/create",
    callers: ["user"],
    right: "templates.write",
    summary: "Create a template. Its job is checked as far as possible without values.",
    input: templateFile,
    output: template,
    errors: ["conflict", "storage_failed"],
    repeatable: false,
  },
  "templates.edit": {
    method: "POST",
    path: "/api/compute/templates/edit",
    callers: ["user"],
    right: "templates.write",
    othersRight: "templates.change-others",
    summary: "Make a new version of a template, unless the edit changes nothing.",
    input: templateEdit,
    output: template,
    errors: ["not_found", "conflict", "forbidden", "storage_failed"],
    repeatable: true,
  },
  "templates.fork": {
    method: "POST",
    path: "/api/compute/templates/fork",
    callers: ["user"],
    right: "templates.write",
    summary: "Copy a template, builtin or not, to one of the business's own. The copy records its origin.",
    input: z.strictObject({
      template: templateRef,
      version: version.optional(),
      /** The copy's name; absent: the name of the original. */
      name: templateName.optional(),
    }),
    output: template,
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "templates.delete": {
    method: "POST",
    path: "/api/compute/templates/delete",
    callers: ["user"],
    right: "templates.write",
    othersRight: "templates.change-others",
    summary: "Delete a template with all its versions. Jobs made from it stay.",
    input: z.strictObject({ template: templateRef }),
    output: z.object(trashOutput),
    errors: ["not_found", "forbidden", "storage_failed"],
    repeatable: false,
  },
  "templates.versions": {
    method: "POST",
    path: "/api/compute/templates/versions",
    callers: ["user"],
    right: "templates.read",
    summary: "The kept versions of a template, newest first.",
    input: z.strictObject({ template: templateRef, ...pageInput }),
    output: z.object({ versions: z.array(templateVersion), ...pageOutput }),
    errors: ["not_found"],
    repeatable: true,
  },
  "templates.run": {
    method: "POST",
    path: "/api/compute/templates/run",
    callers: ["user"],
    right: "jobs.run",
    summary: "Submit the template's job with these parameter values. Once this answers, the job is on disk.",
    input: z.strictObject({
      template: templateRef,
      version: version.optional(),
      params: recordOf(z.string(), parameterValue).default({}),
    }),
    output: job,
    errors: ["not_found", "idempotency_key_reused", "credit_exhausted", "storage_failed"],
    repeatable: false,
    idempotencyKey: true,
  },
  "templates.save-job": {
    method: "POST",
    path: "/api/compute/templates/save-job",
    callers: ["user"],
    right: "templates.write",
    summary: "Save a job as a template that runs it again unchanged.",
    input: z.strictObject({ jobId, name: templateName, description: z.string().max(2_000).default("") }),
    output: template,
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
});
