import { z } from "zod";
import { jobManifest } from "./manifest.ts";

/** The JSON Schema of a job as a person writes it, for editors that check job files. */
export function jobJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(jobManifest, { io: "input" });
  return {
    $schema,
    title: "Tanvrit Compute job",
    description:
      "The job that `tanvrit-compute job submit --file` reads and `jobs/submit` takes. Some rules, such as the syntax of a selector, are checked only by `tanvrit-compute job validate`.",
    ...schema,
    // For the author of the file: values that other fields refer to.
    patternProperties: { "^x-": {} },
    // Rules that span several fields are not part of the fields' own schemas.
    if: { properties: { type: { const: "DOCKER" } }, required: ["type"] },
    // biome-ignore lint/suspicious/noThenProperty: the name is JSON Schema's, and nobody awaits a schema
    then: { required: ["image"] },
    else: { required: ["command"], properties: { image: false, docker: false } },
  };
}
