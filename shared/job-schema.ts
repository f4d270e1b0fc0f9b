import { z } from "zod";
import { jobManifest } from "./manifest.ts";

/** The JSON Schema of a job as a person writes it: what an editor checks a job file with. */
export function jobJsonSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(jobManifest, { io: "input" });
  return {
    $schema,
    title: "Tanvrit Compute job",
    description:
      "What `tanvrit-compute job submit --file` reads and `jobs/submit` takes. Some rules, such as that of a selector's text, are checked by `tanvrit-compute job validate` alone.",
    ...schema,
    // A file's author may keep there what other fields refer to.
    patternProperties: { "^x-": {} },
    // What the fields must be together is no part of what they are each by themselves.
    if: { properties: { type: { const: "DOCKER" } }, required: ["type"] },
    // biome-ignore lint/suspicious/noThenProperty: JSON Schema calls it so, and nobody awaits a schema
    then: { required: ["image"] },
    else: { required: ["command"], properties: { image: false, docker: false } },
  };
}
