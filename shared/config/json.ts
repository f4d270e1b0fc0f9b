import type { z } from "zod";
import type { Issue } from "../issues.ts";
import { textPlaces } from "./text-places.ts";

/**
 * Reads JSON as `JSON.parse`, and says what that would lose in silence: a key that stands twice, of which one would be
 * dropped, and a number that stands where `schema` takes a text, of which the characters would not stay as they are.
 * Throws SyntaxError for what is no JSON.
 */
export function readJson(text: string, schema?: z.core.$ZodType): { value: unknown; issues: Issue[] } {
  const value: unknown = JSON.parse(text);
  const twice = repeatedKey(text);
  if (twice) return { value, issues: [{ path: twice, message: "stands there twice; keep one of them" }] };
  return {
    value,
    issues: schema && textPlaces(schema, value).length > 0 ? changedNumbers(text, schema) : [],
  };
}

/** What is wrong with a number of JSON where a text is meant. */
export function changedNumber(written: string, value: unknown): string {
  return `JSON would change ${written} to ${String(value)} here; write it in quotes, as "${written}"`;
}

function changedNumbers(text: string, schema: z.core.$ZodType): Issue[] {
  const written = new WeakMap<object, Map<string, string>>();
  const value: unknown = JSON.parse(text, function (this: object, key, item, context) {
    if (typeof item !== "number" || context.source === String(item)) return item;
    const ofHolder = written.get(this) ?? new Map<string, string>();
    written.set(this, ofHolder.set(key, context.source));
    return item;
  } as Reviver as Parameters<typeof JSON.parse>[1]);
  return textPlaces(schema, value).flatMap(({ holder, key, path, takesValue }) => {
    const source = written.get(holder)?.get(String(key));
    // Where the schema takes no number it says so itself.
    return source === undefined || !takesValue ? [] : [{ path, message: changedNumber(source, holder[key]) }];
  });
}

/** The types do not know the third argument yet. */
type Reviver = (this: object, key: string, value: unknown, context: { source: string }) => unknown;

interface Frame {
  /** Of an object the keys so far; an array has none. */
  keys: Set<string> | undefined;
  at: string | number;
}

/** Where in a text that is JSON an object has the same key a second time. */
function repeatedKey(text: string): PropertyKey[] | undefined {
  const frames: Frame[] = [];
  let frame: Frame | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      const end = endOfText(text, at + 1);
      if (frame?.keys && isKey(text, end + 1)) {
        const key = text.slice(at + 1, end);
        frame.at = key.includes("\\") ? (JSON.parse(text.slice(at, end + 1)) as string) : key;
        if (frame.keys.has(frame.at)) return frames.map((one) => one.at);
        frame.keys.add(frame.at);
      }
      at = end;
    } else if (character === BRACE || character === BRACKET) {
      frame = { keys: character === BRACE ? new Set() : undefined, at: 0 };
      frames.push(frame);
    } else if (character === END_BRACE || character === END_BRACKET) {
      frames.pop();
      frame = frames.at(-1);
    } else if (character === COMMA && frame && !frame.keys) {
      frame.at = Number(frame.at) + 1;
    }
  }
  return undefined;
}

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [BRACE, END_BRACE, BRACKET, END_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/** Where the quote stands that ends the text which begins here. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

/** Whether a colon comes next, blanks apart. */
function isKey(text: string, start: number): boolean {
  let at = start;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === COLON;
}
