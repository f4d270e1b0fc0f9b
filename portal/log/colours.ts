import Anser from "anser";
import { KEPT_SEQUENCE } from "./clean-text.ts";

/** A part of a line with one look. */
export interface Span {
  text: string;
  style: Style;
  /** Where it leads, if it is a link: http or https. */
  href?: string;
}

/**
 * How a terminal shows a text. Colours are `ansi-red` and its kind, `ansi-palette-123`, or `1, 2, 3` for red, green and
 * blue; null is the usual colour.
 */
export interface Style {
  foreground: string | null;
  background: string | null;
  decorations: readonly string[];
}

export const PLAIN: Style = { foreground: null, background: null, decorations: [] };

/** What an instance of Anser remembers between two sequences; its types leave that out. */
interface AnserMemory {
  fg: string | null;
  bg: string | null;
  fg_truecolor: string | null;
  bg_truecolor: string | null;
  decorations: string[];
  processChunkJson(chunk: string, options: object, markup: boolean): unknown;
}

/** A line of bare escape sequences must not become a page of elements. */
const MAX_SPANS = 1_000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
const RESET = /\x1b\[0*m$/;

/**
 * Splits a text that `cleanText` made into parts with one look. `begin` is the style that earlier lines left switched on,
 * as `styleAfter` returned it.
 */
export function spansOf(text: string, begin = ""): Span[] {
  if (begin === "" && !text.includes("\x1b")) return text === "" ? [] : [{ text, style: PLAIN }];
  const terminal = terminalWith(begin);
  const spans: Span[] = [];
  let style = styleOf(terminal);
  let href: string | undefined;
  let at = 0;
  const add = (end: number) => {
    if (end > at) spans.push({ text: text.slice(at, end), style, ...(href && { href }) });
  };
  for (const sequence of text.matchAll(KEPT_SEQUENCE)) {
    if (spans.length >= MAX_SPANS) break;
    add(sequence.index);
    at = sequence.index + sequence[0].length;
    const [, params, link] = sequence;
    if (link === undefined) style = styleAfterParams(terminal, params ?? "");
    else href = safeHref(link.slice(link.indexOf(";") + 1));
  }
  if (spans.length < MAX_SPANS) add(text.length);
  else spans.push({ text: text.slice(at).replace(KEPT_SEQUENCE, ""), style });
  return spans;
}

/** The style that a line leaves switched on for the next line of its stream; the empty text is the usual style. */
export function styleAfter(text: string, begin: string): string {
  if (!text.includes("\x1b[")) return begin;
  if (RESET.test(text) || (begin === "" && endsPlain(text))) return "";
  const terminal = terminalWith(begin);
  for (const [, params, link] of text.matchAll(KEPT_SEQUENCE)) {
    if (link === undefined) styleAfterParams(terminal, params ?? "");
  }
  const { fg, bg, fg_truecolor, bg_truecolor, decorations } = terminal;
  if (fg === null && bg === null && decorations.length === 0) return "";
  return JSON.stringify({ fg, bg, fg_truecolor, bg_truecolor, decorations: [...new Set(decorations)] });
}

/** Whether a text that begins in the usual style surely ends in it. Most lines with colours switch off what they switch on. */
function endsPlain(text: string): boolean {
  /** One bit for each aspect that is switched on: foreground, background, and each decoration. */
  let on = 0;
  for (let at = text.indexOf("\x1b["); at !== -1; at = text.indexOf("\x1b[", at)) {
    let code = 0;
    for (at += 2; ; at++) {
      const character = text.charCodeAt(at);
      if (character >= 0x30 && character <= 0x39) {
        code = code * 10 + character - 0x30;
        continue;
      }
      // Colours of many numbers are left to the parser.
      if (code === 38 || code === 48) return false;
      on = switched(on, code);
      code = 0;
      if (character !== 0x3b) break;
    }
  }
  return on === 0;
}

const FOREGROUND = 1;
const BACKGROUND = 2;
/** The first bit of the decorations, which have the codes 1 to 9. */
const DECORATION = 2;

function switched(on: number, code: number): number {
  if (code === 0) return 0;
  if (code <= 9) return on | (1 << (DECORATION + code));
  if (code === 22) return on & ~(0b11 << (DECORATION + 1));
  if (code >= 21 && code <= 29) return on & ~(1 << (DECORATION + code - 20));
  if (code === 39) return on & ~FOREGROUND;
  if (code === 49) return on & ~BACKGROUND;
  if ((code >= 30 && code <= 37) || (code >= 90 && code <= 97)) return on | FOREGROUND;
  if ((code >= 40 && code <= 47) || (code >= 100 && code <= 107)) return on | BACKGROUND;
  return on;
}

/** The link if it is one that a log may lead to. */
export function safeHref(link: string): string | undefined {
  return /^https?:\/\/[^\s/]/i.test(link) && URL.canParse(link) ? link : undefined;
}

function terminalWith(begin: string): AnserMemory {
  const terminal = new Anser() as unknown as AnserMemory;
  if (begin !== "") Object.assign(terminal, JSON.parse(begin));
  return terminal;
}

function styleAfterParams(terminal: AnserMemory, params: string): Style {
  // Anser adds to the list that it gave away before.
  terminal.decorations = [...terminal.decorations];
  terminal.processChunkJson(`${params}m`, { use_classes: true }, true);
  return styleOf(terminal);
}

function styleOf({ fg, bg, fg_truecolor, bg_truecolor, decorations }: AnserMemory): Style {
  return {
    foreground: fg === "ansi-truecolor" ? fg_truecolor : fg,
    background: bg === "ansi-truecolor" ? bg_truecolor : bg,
    decorations,
  };
}
