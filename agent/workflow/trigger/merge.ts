export type Json = string | number | boolean | null | Json[] | { [key: string]: Json };
export type JsonObject = { [key: string]: Json };

/** What was given over what is likely: objects are merged, everything else is replaced. */
export function merged(likely: JsonObject, given: JsonObject): JsonObject {
  const result = { ...likely };
  for (const [key, value] of Object.entries(given)) {
    const below = result[key];
    result[key] = isObject(below) && isObject(value) ? merged(below, value) : value;
  }
  return result;
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The text at a path of keys, such as `pull_request`, `head`, `ref`; undefined if there is none. */
export function textAt(value: Json | undefined, ...path: readonly string[]): string | undefined {
  let at = value;
  for (const key of path) at = isObject(at) ? at[key] : undefined;
  return typeof at === "string" || typeof at === "number" ? String(at) : undefined;
}
