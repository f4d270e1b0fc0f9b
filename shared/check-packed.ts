import { limits } from "./limits.ts";
import { packedFlags } from "./log.ts";
import { timestamp } from "./timestamp.ts";

const [QUOTE, BACKSLASH] = [0x22, 0x5c];
const MAX_BASE64 = Math.ceil(limits.maxLogLineLength / 3) * 4;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** What comes before the text of a line: its stream and its time. */
const HEAD = /\["[oes]","([0-9TZ:.+-]{1,40})",/y;
/** Characters that are in a text as they are. JSON has no others between two escapes. */
const PLAIN = /[\x20\x21\x23-\x5b\x5d-\uffff]*/y;
const ESCAPE = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
/** What comes after the text of a line: flags if it has any, and then another line or the end. */
const TAIL = /(?:,([1-7]))?\](?:,(?=\[)|\]$)/y;

/**
 * Counts the lines of a text that another program packed. Undefined: it is not what `packLines` makes, so it must not be
 * stored or passed on. It says the same as parsing and checking each line, but makes no objects.
 */
export function countPacked(text: string): number | undefined {
  if (!text.startsWith("[[")) return undefined;
  let count = 0;
  let head = "";
  for (let at = 1; at < text.length; count++) {
    // Many lines in a row have the same stream and time.
    if (head === "" || !text.startsWith(head, at)) {
      const found = match(HEAD, text, at);
      if (!found || !timestamp.safeParse(found[1]).success) return undefined;
      head = found[0];
    }
    const start = at + head.length;
    const end = endOfText(text, start);
    const tail = end === undefined ? undefined : match(TAIL, text, end);
    if (end === undefined || !tail || !isTextInBounds(text, start, end, Number(tail[1] ?? 0)))
      return undefined;
    at = end + tail[0].length;
  }
  return count;
}

/** The place after the quote that ends the text which begins with a quote at `start`; undefined: it is no JSON. */
function endOfText(text: string, start: number): number | undefined {
  if (text.charCodeAt(start) !== QUOTE) return undefined;
  for (let at = start + 1; ; ) {
    PLAIN.lastIndex = at;
    PLAIN.test(text);
    at = PLAIN.lastIndex;
    const code = text.charCodeAt(at);
    if (code === QUOTE) return at + 1;
    if (code !== BACKSLASH) return undefined;
    ESCAPE.lastIndex = at;
    if (!ESCAPE.test(text)) return undefined;
    at = ESCAPE.lastIndex;
  }
}

/** Whether the text is not too long and, if the flags say so, base64. */
function isTextInBounds(text: string, start: number, end: number, flags: number): boolean {
  if (flags & packedFlags.bytes) {
    const base64 = text.slice(start + 1, end - 1);
    return base64.length <= MAX_BASE64 && BASE64.test(base64);
  }
  // Escapes only make it longer.
  if (end - start - 2 <= limits.maxLogLineLength) return true;
  return (JSON.parse(text.slice(start, end)) as string).length <= limits.maxLogLineLength;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}
