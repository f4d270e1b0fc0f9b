import type { z } from "zod";
import type { Issue } from "../issues.ts";
import { type TextPlace, textPlaces } from "./text-places.ts";

/**
 * Reads JSON as `JSON.parse`, and says what that would lose in silence: a key that stands twice, of which one would be
 * dropped, and a number that stands where `schema` takes a text, of which the characters would not stay as they are.
 * Throws SyntaxError for what is no JSON.
 */
export function readJson(text: string, schema?: z.core.$ZodType): { value: unknown; issues: Issue[] } {
  const value: unknown = JSON.parse(text);
  const { twice, changed } = scan(text);
  if (twice) return { value, issues: [{ path: twice, message: "stands there twice; keep one of them" }] };
  return { value, issues: schema && changed.size > 0 ? changedNumbers(value, changed, schema) : [] };
}

/** What is wrong with a number of JSON where a text is meant. */
export function changedNumber(written: string, value: unknown): string {
  return `JSON would change ${written} to ${String(value)} here; write it in quotes, as "${written}"`;
}

/** @param changed as they are written, by the text of their paths. */
function changedNumbers(
  value: unknown,
  changed: ReadonlyMap<string, string>,
  schema: z.core.$ZodType,
): Issue[] {
  const sourceOf = (path: PropertyKey[]) => changed.get(JSON.stringify(path));
  // Where the schema takes no number it says so itself.
  const isChanged = ({ path, takesValue }: TextPlace) => takesValue && sourceOf(path) !== undefined;
  return textPlaces(schema, value, isChanged, MAX_ISSUES).map(({ holder, key, path }) => ({
    path,
    message: changedNumber(sourceOf(path) ?? "", holder[key]),
  }));
}

interface Frame {
  /** Of an object the keys so far; an array has none. */
  keys: Set<string> | undefined;
  at: string | number;
}

/** Nobody reads more of what is wrong. */
const MAX_ISSUES = 100;
/** Nobody corrects more of them at once. Some may stand where numbers are meant. */
const MAX_CHANGED = 10_000;

interface Scanned {
  /** Where an object has the same key a second time; the rest was not looked at then. */
  twice: PropertyKey[] | undefined;
  /** The numbers whose characters do not stay as they are, by the JSON text of their paths. */
  changed: Map<string, string>;
}

/** What a text that is JSON holds and its value does not; in one go, for texts of many megabytes come here. */
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
        if (frame.keys.has(frame.at)) return { twice: frames.map((one) => one.at), changed };
        frame.keys.add(frame.at);
      }
      at = end;
    } else if (character === MINUS || (character >= ZERO && character <= NINE)) {
      const end = endOfNumber(text, at + 1);
      const written = text.slice(at, end);
      if (changed.size < MAX_CHANGED && String(Number(written)) !== written) {
        changed.set(JSON.stringify(frames.map((one) => one.at)), written);
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

/** Where a number ends: no other sign of JSON stands right behind one. */
function endOfNumber(text: string, start: number): number {
  for (let end = start; ; end++) {
    const character = text.charCodeAt(end);
    const isDigit = character >= ZERO && character <= NINE;
    if (!isDigit && !NUMBER_SIGNS.includes(character)) return end;
  }
}

/** `+-.Ee` */
const NUMBER_SIGNS = [0x2b, 0x2d, 0x2e, 0x45, 0x65];
