import type { z } from "zod";
import type { Issue } from "../issues.ts";
import { type TextPlace, textPlaces } from "./text-places.ts";

/**
 * Parses JSON like `JSON.parse`, and reports what that loses silently: a key that appears twice, because one value is
 * dropped, and a number where `schema` expects text, if its digits would change. Throws SyntaxError for invalid JSON.
 */
export function readJson(text: string, schema?: z.core.$ZodType): { value: unknown; issues: Issue[] } {
  const value: unknown = JSON.parse(text);
  const { twice, changed } = scan(text);
  if (twice) return { value, issues: [{ path: twice, message: "appears twice; keep one of them" }] };
  return { value, issues: schema && changed.size > 0 ? changedNumbers(value, changed, schema) : [] };
}

/** The message for a JSON number in place of text that would not keep its digits. */
export function changedNumber(written: string, value: unknown): string {
  return `JSON would change ${written} to ${String(value)} here; write it in quotes, as "${written}"`;
}

/** @param changed the numbers as written, by the JSON text of their paths. */
function changedNumbers(
  value: unknown,
  changed: ReadonlyMap<string, string>,
  schema: z.core.$ZodType,
): Issue[] {
  const sourceOf = (path: PropertyKey[]) => changed.get(JSON.stringify(path));
  // If the schema accepts no number, its own check says so.
  const isChanged = ({ path, takesValue }: TextPlace) => takesValue && sourceOf(path) !== undefined;
  return textPlaces(schema, value, isChanged, MAX_ISSUES).map(({ holder, key, path }) => ({
    path,
    message: changedNumber(sourceOf(path) ?? "", holder[key]),
  }));
}

interface Frame {
  /** The keys so far of an object; undefined for an array. */
  keys: Set<string> | undefined;
  at: string | number;
}

/** Nobody reads more issues than this. */
const MAX_ISSUES = 100;
/** Nobody corrects more numbers at once. Some of them may be fine, because a number is expected there. */
const MAX_CHANGED = 10_000;

interface Scanned {
  /** The place of a key that its object has a second time; the scan stops there. */
  twice: PropertyKey[] | undefined;
  /** The numbers that would not keep their digits, by the JSON text of their paths. */
  changed: Map<string, string>;
}

/** Finds what JSON text has and its parsed value lacks. One pass, because the text may have many megabytes. */
function scan(text: string): Scanned {
  const frames: Frame[] = [];
  const changed = new Map<string, string>();
  let frame: Frame | undefined;
  for (let at = 0; at < text.length; at++) {
    const character = text.charCodeAt(at);
    if (character === QUOTE) {
      const end = endOfText(text, at + 1);
      if (frame?.keys && isKey(text, end + 1)) {
        const key = text.slice(at + 1, end);
        frame.at = key.includes("\\") ? (JSON.parse(text.slice(at, end + 1)) as string) : key;
        if (frame.keys.has(frame.at)) return { twice: frames.map((frame) => frame.at), changed };
        frame.keys.add(frame.at);
      }
      at = end;
    } else if (character === MINUS || (character >= ZERO && character <= NINE)) {
      const end = endOfNumber(text, at + 1);
      const written = text.slice(at, end);
      if (changed.size < MAX_CHANGED && String(Number(written)) !== written) {
        changed.set(JSON.stringify(frames.map((frame) => frame.at)), written);
      }
      at = end - 1;
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
  return { twice: undefined, changed };
}

const [QUOTE, BACKSLASH, COLON, COMMA] = [0x22, 0x5c, 0x3a, 0x2c];
const [MINUS, ZERO, NINE] = [0x2d, 0x30, 0x39];
const [BRACE, END_BRACE, BRACKET, END_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/** The position of the quote that ends the string starting here. */
function endOfText(text: string, start: number): number {
  for (let end = text.indexOf('"', start); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return end;
  }
}

/** Whether the next character after blanks is a colon. */
function isKey(text: string, start: number): boolean {
  let at = start;
  while (text.charCodeAt(at) <= 0x20) at++;
  return text.charCodeAt(at) === COLON;
}

/** The end of a number: the first character that cannot be part of it. */
function endOfNumber(text: string, start: number): number {
  for (let end = start; ; end++) {
    const character = text.charCodeAt(end);
    const isDigit = character >= ZERO && character <= NINE;
    if (!isDigit && !NUMBER_SIGNS.includes(character)) return end;
  }
}

/** `+-.Ee` */
const NUMBER_SIGNS = [0x2b, 0x2d, 0x2e, 0x45, 0x65];
