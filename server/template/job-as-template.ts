import { type JobManifest, jobManifest } from "../../shared/manifest.ts";
import { escapeLiteral } from "../../shared/template/placeholders.ts";

/** Fields that say what a job waited for. They mean nothing to the next job. */
const ONE_TIME_FIELDS: ReadonlySet<string> = new Set(["after", "notBefore"]);

/** The job of a template that runs `manifest` again, without fields that have their default. Its braces are escaped. */
export function jobAsTemplate(manifest: JobManifest): Record<string, unknown> {
  const defaults: Record<string, unknown> = jobManifest.parse({ command: "true" });
  const own = Object.entries(manifest).filter(([field, value]) => {
    if (field === "command") return true;
    return !ONE_TIME_FIELDS.has(field) && value !== undefined && !Bun.deepEquals(value, defaults[field]);
  });
  return escaped(Object.fromEntries(own)) as Record<string, unknown>;
}

function escaped(value: unknown): unknown {
  if (typeof value === "string") return escapeLiteral(value);
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]));
}
