/** Reads an amount as tools print it, such as `81920 MiB` or `8 GB`, and returns MiB. All tools mean binary units. */
export function parseMemoryMb(text: string): number | undefined {
  const match = /^\s*([\d.]+)\s*(KiB|KB|MiB|MB|GiB|GB|TiB|TB)\s*$/i.exec(text);
  if (!match) return undefined;
  const scale =
    { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 }[(match[2] ?? "M").charAt(0).toUpperCase()] ?? 1;
  const value = Math.floor(Number(match[1]) * scale);
  return value > 0 ? value : undefined;
}

/** No tool prints so many warnings that look like the beginning of JSON. */
const MAX_JSON_STARTS = 20;

/** Parses the JSON in a tool's output. Some tools print warnings before or after it. Throws SyntaxError. */
export function parseToolJson(text: string): unknown {
  const lines = text.split("\n");
  const end = lines.findLastIndex((line) => /[\]}]\s*$/.test(line)) + 1;
  const starts = lines.flatMap((line, at) => (/^\s*[[{]/.test(line) && at < end ? [at] : []));
  for (const start of starts.slice(0, MAX_JSON_STARTS)) {
    try {
      return JSON.parse(lines.slice(start, end).join("\n"));
    } catch {
      // A warning that begins like JSON, such as `[2026-01-01] …`; a later line may begin the JSON.
    }
  }
  return JSON.parse(text);
}

/** The value as a record of unknown values; empty if it is not an object. */
export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

const SAYS_NOTHING =
  /^\[?(n\/?a|none|unknown|unknown error|not found|not supported|not available|insufficient permissions|gpu is lost|err!|)\]?$/i;

/** The text, or undefined if it says nothing: tools fill gaps with `N/A`, `[Not Supported]` and the like. */
export function asText(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  return SAYS_NOTHING.test(text) ? undefined : text;
}
