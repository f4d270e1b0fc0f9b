import { bytesOfBase64 } from "./base64.ts";
import type { LogLine } from "./log.ts";

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** The text of a line for display, with U+FFFD for bytes that are not UTF-8. */
export function shownText({ text, bytes }: Pick<LogLine, "text" | "bytes">): string {
  return bytes === undefined ? text : decoder.decode(bytesOfBase64(bytes));
}

/** Roughly the number of characters a line takes in memory and in a request. */
export function lineLength({ text, bytes }: Pick<LogLine, "text" | "bytes">): number {
  return text.length + (bytes?.length ?? 0);
}
