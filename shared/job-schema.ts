import { z } from "zod";
import type { JobType } from "./job-fields.ts";
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
    allOf: [
      onlyFor("DOCKER", ["image"], ["workflow"]),
      onlyFor("GITHUB_ACTION", ["workflow"], ["command", "image", "docker", "workdir", "stopSignal"]),
      {
        if: { not: { anyOf: [isType("DOCKER"), isType("GITHUB_ACTION")] } },
        ...then(["command"], ["image", "docker", "workflow"]),
      },
    ],
  };
}

function onlyFor(type: JobType, required: readonly string[], refused: readonly string[]) {
  return { if: isType(type), ...then(required, refused) };
}

function isType(type: JobType) {
  return { properties: { type: { const: type } }, required: ["type"] };
}

function then(required: readonly string[], refused: readonly string[]) {
  const properties = Object.fromEntries(refused.map((field) => [field, false]));
  // biome-ignore lint/suspicious/noThenProperty: the name is JSON Schema's, and nobody awaits a schema
  return { then: { required, properties } };
}
