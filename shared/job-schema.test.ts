import { expect, test } from "bun:test";
import { join } from "node:path";
import { jobJsonSchema } from "./job-schema.ts";
import { jobManifest } from "./manifest.ts";

const PUBLISHED = "docs/job.schema.json";

test("the published schema is what the program prints: tanvrit-compute job schema > docs/job.schema.json; bun run format", async () => {
  const published = await Bun.file(join(import.meta.dirname, "..", PUBLISHED)).json();
  expect(published).toEqual(jobJsonSchema());
});

test("the schema has every field of a job, requires a command or an image, and refuses unknown fields", () => {
  const schema = jobJsonSchema();
  expect(Object.keys(schema.properties ?? {})).toEqual(Object.keys(jobManifest.shape));
  expect(schema.required).toBeUndefined();
  const rules = schema.allOf as { then: { required: string[] } }[];
  expect(rules.map(({ then }) => then.required)).toEqual([["image"], ["workflow"], ["command"]]);
  expect(schema.additionalProperties).toBe(false);
});
