import { ComputeError } from "../../shared/errors.ts";

/** More than any request needs, and few enough that parsing them delays nobody. */
const MAX_DEPTH = 64;
const MAX_ENTRIES = 10_000;
const MAX_MEMBERS_IN_ALL = 100_000;
const MAX_VALUES_IN_ALL = 300_000;

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [BRACE, END_BRACE, BRACKET, END_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/** An object or a list that is open. */
interface Container {
  isObject: boolean;
  entries: number;
  /** Where the last string in it begins and ends, quotes included; for an object, usually the last key. */
  keyFrom: number;
  keyTo: number;
}

/**
 * Checks a text before it is parsed as JSON, because its structure can cost more than its length suggests. Throws
 * `invalid_request` with the name of the field. Text that is not JSON may pass; the parser rejects it later.
 */
export function checkJsonBounds(text: string): void {
  const open: Container[] = [];
  let top: Container | undefined;
  let members = 0;
  let values = 0;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      const end = endOfText(text, at + 1);
      if (top) [top.keyFrom, top.keyTo] = [at, end + 1];
      at = end;
    } else if (code === BRACE || code === BRACKET) {
      if (open.length >= MAX_DEPTH) throw tooMuch(text, open, `has more than ${MAX_DEPTH} levels`);
      top = { isObject: code === BRACE, entries: 0, keyFrom: 0, keyTo: 0 };
      open.push(top);
    } else if (code === END_BRACE || code === END_BRACKET) {
      open.pop();
      top = open.at(-1);
    } else if (code === COLON || code === COMMA) {
      if (code === COLON) members++;
      values++;
      if (top && top.isObject === (code === COLON) && ++top.entries > MAX_ENTRIES) {
        throw tooMuch(text, open.slice(0, -1), `has more than ${MAX_ENTRIES} entries`);
      }
      if (members > MAX_MEMBERS_IN_ALL || values > MAX_VALUES_IN_ALL) {
        throw tooMuch(text, [], "has too many values; split it into several requests");
      }
    }
  }
}

/** The place of the quote that ends the string that begins here, or the end of the whole text if it does not end. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start); end >= 0; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
  return text.length;
}

function tooMuch(text: string, around: readonly Container[], message: string): ComputeError {
  const names = around.slice(0, 8).map(({ isObject, entries, keyFrom, keyTo }) => {
    const key = text.slice(keyFrom + 1, Math.min(keyTo - 1, keyFrom + 65));
    return isObject ? key : String(entries);
  });
  const path = names.join(".");
  const errors = [{ path, message }];
  return new ComputeError("invalid_request", `${path === "" ? "the body" : path}: ${message}`, { errors });
}
