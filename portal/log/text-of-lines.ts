import { plainText } from "./clean-text.ts";
import type { LineStore } from "./line-store.ts";
import { nextTask } from "./pump.ts";
import type { LogSource } from "./source.ts";

/** Texts of about this many characters become one part of the file. */
const PART_CHARS = 4 * 1024 * 1024;

/** The lines `from` to `to` as plain text, without colours, a newline after each but the last. */
export function textOfLines(store: LineStore, from: number, to: number): string {
  const lines: string[] = [];
  for (let line = Math.max(from, store.first); line <= Math.min(to, store.end - 1); line++) {
    if (!store.marks.has(line)) lines.push(plainText(store.textOf(line)));
  }
  return lines.join("\n");
}

/**
 * The whole log as a file, byte for byte what the job wrote, with a line before each attempt after the first. The browser keeps
 * large parts on disk. `onLines` is called with the number of lines so far.
 */
export async function fileOfLog(
  source: LogSource,
  onLines: (lines: number) => void,
  signal: AbortSignal,
): Promise<Blob> {
  let blob = new Blob([], { type: "text/plain;charset=utf-8" });
  let parts: BlobPart[] = [];
  let [chars, lines, attempt] = [0, 0, 0];
  const add = (part: string | Uint8Array<ArrayBuffer>) => {
    parts.push(part);
    chars += part.length;
  };
  const addLine = (of: number, text: string, isBase64: boolean, isPartial: boolean) => {
    if (attempt !== 0 && of !== attempt) add(`\n--- attempt ${of} ---\n`);
    attempt = of;
    add(isBase64 ? Uint8Array.from(atob(text), (character) => character.charCodeAt(0)) : text);
    if (!isPartial) add("\n");
    lines++;
  };
  for await (const event of source) {
    signal.throwIfAborted();
    if (event.event === "lines") {
      for (const [, , text, flags = 0] of event.data.lines) {
        addLine(event.data.attempt, text, (flags & 2) !== 0, (flags & 1) !== 0);
      }
    } else if (event.event === "log") {
      const { text, bytes, partial } = event.data;
      addLine(event.data.attempt, bytes ?? text, bytes !== undefined, partial === true);
    } else if (event.event === "gap") {
      add(`\n--- ${event.data.missed} lines are missing here ---\n`);
    }
    if (chars < PART_CHARS) continue;
    blob = new Blob([blob, ...parts], { type: blob.type });
    [parts, chars] = [[], 0];
    onLines(lines);
    await nextTask();
  }
  onLines(lines);
  return new Blob([blob, ...parts], { type: blob.type });
}

/** Hands a file to the person, as a click on a link would. */
export function saveFile(blob: Blob, name: string): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  // The browser reads it after the click.
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}
