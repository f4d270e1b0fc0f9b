import type { LogLine } from "../../shared/log.ts";

/** Texts that look like the ends and beginnings of lines as JSON, or need escapes. */
const TEXTS = ['],["o","', "],[", '"', "\\", "\\n", "\r\t\0", "", "é😀", '\\"],["e', "[[", "]]", "\u2028"];
const AT = "2026-03-01T12:00:00.000Z";

/** Lines of all kinds, numbered from 1, with what is hard to write as JSON and to cut. */
export function hostileLines(count: number): LogLine[] {
  return Array.from({ length: count }, (_, i) => ({
    seq: i + 1,
    stream: oneOf(["stdout", "stderr", "system"] as const),
    at: AT,
    text: `${oneOf(TEXTS)}${oneOf(TEXTS)}${oneOf(TEXTS)}`,
    ...(Math.random() < 0.2 && { partial: true as const }),
    ...(Math.random() < 0.1 && { text: "", bytes: "gP8A" }),
  }));
}

function oneOf<T>(from: readonly T[]): T {
  return from[Math.floor(Math.random() * from.length)] as T;
}
