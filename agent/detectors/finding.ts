/** What a detector saw. A tool that is not there is no problem; one that is there and does not work is. */
export interface Finding<T> {
  /** Absent: this machine has none, or it could not be told. */
  found?: T;
  /** Sentences for the owner of the machine: what does not work, why, and what to do. */
  problems: string[];
}

export function absent<T>(...problems: string[]): Finding<T> {
  return { problems };
}

/** Two sentences of one; what a tool or an error said may end as it likes. */
export function sentences(said: string, next: string): string {
  return `${said.replace(/[\s.:;,?!]+$/, "")}. ${next}`;
}

/** How long every detector may take together; they run at once. */
export const DETECT_TIMEOUT_MS = 5_000;

/** Where detectors look, and until when. */
export interface DetectContext {
  /** The agent's own environment: PATH, HOME, DOCKER_HOST, ANDROID_HOME … */
  environment: Readonly<Record<string, string | undefined>>;
  platform: NodeJS.Platform;
  /** MiB of the machine's memory, which some GPUs share. */
  memoryMb: number;
  /** By the monotonic clock (`performance.now`). */
  deadlineMs: number;
  timeoutMs: number;
}

/** A number of MiB, GiB … as tools print it: `81920 MiB`, `8 GB`. They all mean binary units. */
export function parseMemoryMb(text: string): number | undefined {
  const match = /^\s*([\d.]+)\s*(KiB|KB|MiB|MB|GiB|GB|TiB|TB)\s*$/i.exec(text);
  if (!match) return undefined;
  const scale =
    { K: 1 / 1024, M: 1, G: 1024, T: 1024 * 1024 }[(match[2] ?? "M").charAt(0).toUpperCase()] ?? 1;
  const value = Math.floor(Number(match[1]) * scale);
  return value > 0 ? value : undefined;
}

/** More lines that look like the beginning of JSON than any tool has warned in. */
const MAX_JSON_STARTS = 20;

/** The JSON in what a tool printed; some of them print warnings before it or after it. Throws SyntaxError. */
export function parseToolJson(text: string): unknown {
  const lines = text.split("\n");
  const end = lines.findLastIndex((line) => /[\]}]\s*$/.test(line)) + 1;
  const starts = lines.flatMap((line, at) => (/^\s*[[{]/.test(line) && at < end ? [at] : []));
  for (const start of starts.slice(0, MAX_JSON_STARTS)) {
    try {
      return JSON.parse(lines.slice(start, end).join("\n"));
    } catch {
      // A warning that begins like it, as `[2026-01-01] …`: the next line may be the one.
    }
  }
  return JSON.parse(text);
}

/** A record of unknown values; empty where it is none. */
export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : {};
}

const SAYS_NOTHING =
  /^\[?(n\/?a|none|unknown|unknown error|not found|not supported|not available|insufficient permissions|gpu is lost|err!|)\]?$/i;

/** A text that says something; tools fill gaps with `N/A`, `[Not Supported]` and the like. */
export function asText(value: unknown): string | undefined {
  if (typeof value !== "string") return undefined;
  const text = value.trim();
  return SAYS_NOTHING.test(text) ? undefined : text;
}
