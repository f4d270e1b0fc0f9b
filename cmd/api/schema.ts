import { z } from "zod";

/** A JSON Schema, as zod makes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The JSON Schema of what a caller sends (`input`: defaults may be omitted) or gets (`output`). */
export function jsonSchema(schema: z.ZodType, io: "input" | "output"): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: "any", reused: "inline" });
  return rest;
}

const ID = "01m8k1bg4depbsf22sf4s1hm5w";
const TIME = "2026-01-31T12:00:00.000Z";

const kinds = [
  "job",
  "exe",
  "node",
  "sch",
  "fire",
  "tpl",
  "usr",
  "ses",
  "crd",
  "biz",
  "art",
  "key",
  "enr",
  "inv",
  "trash",
];

/** Texts that fit the patterns in use. */
const texts = [
  ...kinds.map((kind) => `${kind}_${ID}`),
  TIME,
  "2026-01",
  "1.1",
  "/srv/data",
  "http://127.0.0.1:7070",
  "0b0e8f5e-6d3a-4a53-9d1e-8d8f3a4c2b10",
  "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqA",
  "ZXhhbXBsZQ==",
  "a".repeat(64),
  "tnv_4kq0x7mz",
  "example",
];

/** A small value that a schema accepts: only what is required. */
export function exampleOf(schema: JsonSchema): unknown {
  if ("const" in schema) return schema.const;
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if ("default" in schema) return schema.default;
  if (Array.isArray(schema.anyOf)) return exampleOf(schema.anyOf[0] as JsonSchema);
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === "object") return exampleObject(schema);
  if (type === "array") return exampleArray(schema);
  if (type === "string") return exampleText(schema);
  if (type === "integer" || type === "number") return exampleNumber(schema);
  if (type === "boolean") return true;
  return type === "null" ? null : "example";
}

function exampleObject(schema: JsonSchema): Record<string, unknown> {
  const properties = (schema.properties ?? {}) as Record<string, JsonSchema>;
  const required = (schema.required ?? []) as string[];
  return Object.fromEntries(required.map((name) => [name, exampleOf(properties[name] ?? {})]));
}

function exampleArray(schema: JsonSchema): unknown[] {
  const item = schema.items as JsonSchema | undefined;
  return item ? [exampleOf(item)] : [];
}

function exampleText({ pattern, format, minLength = 0, maxLength = Infinity }: JsonSchema): string {
  if (format === "date-time") return TIME;
  if (format === "email") return "anna@example.org";
  const fits = (text: string) =>
    (typeof pattern !== "string" || new RegExp(pattern, "u").test(text)) &&
    text.length >= Number(minLength) &&
    text.length <= Number(maxLength);
  // From the end: where almost any text fits, the example should not be an id.
  const wanted = [...texts].reverse();
  if (format === "uri") return "http://127.0.0.1:7070";
  return wanted.find(fits) ?? "example".padEnd(Number(minLength), "x");
}

function exampleNumber({ minimum, exclusiveMinimum }: JsonSchema): number {
  if (typeof exclusiveMinimum === "number" && exclusiveMinimum >= 0) return exclusiveMinimum + 1;
  return Math.max(1, Number(minimum ?? 1));
}
