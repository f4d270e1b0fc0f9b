import { expect, test } from "bun:test";
import { z } from "zod";
import { endpoints } from "../../shared/endpoints/index.ts";
import { auditedCalls } from "./audited-calls.ts";

test("the audit log names only fields that an endpoint has", () => {
  const missing = Object.entries(auditedCalls).flatMap(([id, audited]) => {
    if (audited === "nothing") return [];
    const { input, output } = endpoints[id as keyof typeof endpoints];
    return [...missingFrom(input, audited.input), ...missingFrom(output, audited.output)].map(
      (name) => `${id}: ${name}`,
    );
  });
  expect(missing).toEqual([]);
});

function missingFrom(schema: z.ZodType, names: readonly string[] = []): readonly string[] {
  const known = fieldsOf(z.toJSONSchema(schema, { unrepresentable: "any", io: "input" }));
  return names.filter((name) => !known.has(name));
}

/** The fields of an object, or of any of the objects that it may be. */
function fieldsOf(schema: z.core.JSONSchema._JSONSchema): Set<string> {
  if (typeof schema === "boolean") return new Set();
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])];
  return new Set([...Object.keys(schema.properties ?? {}), ...parts.flatMap((part) => [...fieldsOf(part)])]);
}
