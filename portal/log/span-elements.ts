import type { Span, Style } from "./colours.ts";
import { cssOf, GROUNDS, readableOn, rgbOf } from "./contrast.ts";
import { linkParts } from "./links.ts";

const DECORATIONS = new Set(["bold", "dim", "italic", "underline", "strikethrough"]);
const BLACK = [15, 17, 21] as const;
/** Colours that were worked out before. */
const known = new Map<string, string>();
const MAX_KNOWN = 10_000;

/** Matches within the text of a line: start and end, and whether it is the match that the person is at. */
export interface Highlight {
  start: number;
  end: number;
  isCurrent: boolean;
}

/** Puts the text of a line into `parent`. Text is only ever set as text. */
export function appendSpans(
  parent: HTMLElement,
  spans: readonly Span[],
  highlights: readonly Highlight[],
): void {
  let offset = 0;
  for (const { text, style, href } of spans) {
    const isPlain = !style.foreground && !style.background && style.decorations.length === 0;
    const target = isPlain ? parent : styled(parent, style);
    for (const part of href === undefined ? linkParts(text) : [{ text, href }]) {
      const into = part.href === undefined ? target : link(target, part.href);
      appendText(into, part.text, offset, highlights);
      offset += part.text.length;
    }
  }
}

function appendText(
  parent: HTMLElement,
  text: string,
  offset: number,
  highlights: readonly Highlight[],
): void {
  let at = 0;
  for (const { start, end, isCurrent } of highlights) {
    const [from, to] = [Math.max(start - offset, at), Math.min(end - offset, text.length)];
    if (from >= to) continue;
    if (from > at) parent.append(text.slice(at, from));
    const mark = document.createElement("mark");
    if (isCurrent) mark.className = "log-current";
    mark.textContent = text.slice(from, to);
    parent.append(mark);
    at = to;
  }
  if (at < text.length) parent.append(at === 0 ? text : text.slice(at));
}

function link(parent: HTMLElement, href: string): HTMLElement {
  const anchor = document.createElement("a");
  anchor.href = href;
  anchor.target = "_blank";
  anchor.rel = "noopener noreferrer nofollow";
  // One page of a log may hold hundreds of links; Tab goes to what controls the log.
  anchor.tabIndex = -1;
  parent.append(anchor);
  return anchor;
}

function styled(parent: HTMLElement, { foreground, background, decorations }: Style): HTMLElement {
  const span = document.createElement("span");
  const isReversed = decorations.includes("reverse");
  for (const decoration of decorations)
    if (DECORATIONS.has(decoration)) span.classList.add(`ansi-${decoration}`);
  const [text, ground] = isReversed ? [background, foreground] : [foreground, background];
  if (isReversed && ground === null) span.classList.add("ansi-reverse");
  if (ground !== null) {
    const colour = rgbOf(ground) ?? BLACK;
    span.style.backgroundColor = cssOf(colour);
    span.style.color = cssOf(readableOn((text === null ? undefined : rgbOf(text)) ?? BLACK, colour));
  } else if (text !== null && !isReversed) {
    if (text.startsWith("ansi-") && !text.startsWith("ansi-palette")) span.classList.add(text);
    else span.style.color = readableInBothThemes(text);
  }
  parent.append(span);
  return span;
}

function readableInBothThemes(name: string): string {
  const before = known.get(name);
  if (before !== undefined) return before;
  const colour = rgbOf(name);
  if (!colour) return "";
  const [light, dark] = [readableOn(colour, GROUNDS.light), readableOn(colour, GROUNDS.dark)];
  const css = `light-dark(${cssOf(light)}, ${cssOf(dark)})`;
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(name, css);
  return css;
}
