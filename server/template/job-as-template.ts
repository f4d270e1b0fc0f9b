import { type JobManifest, jobManifest } from "../../shared/manifest.ts";
import { escapeLiteral } from "../../shared/template/placeholders.ts";

/** What a job waited for, which means nothing to the next one. */
const OF_ONE_TIME: ReadonlySet<string> = new Set(["after", "notBefore"]);

/** The job of a template that runs a job again as it was: without what is the default anyway, and with its braces kept. */
export function jobAsTemplate(manifest: JobManifest): Record<string, unknown> {
  const defaults: Record<string, unknown> = jobManifest.parse({ command: "true" });
  const own = Object.entries(manifest).filter(([field, value]) => {
    if (field === "command") return true;
    return !OF_ONE_TIME.has(field) && value !== undefined && !Bun.deepEquals(value, defaults[field]);
  });
  return escaped(Object.fromEntries(own)) as Record<string, unknown>;
}

function escaped(value: unknown): unknown {
  if (typeof value === "string") return escapeLiteral(value);
  if (Array.isArray(value)) return value.map(escaped);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, escaped(inner)]));
}
