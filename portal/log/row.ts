import { numberText } from "../ui/counted.ts";
import { hashOf } from "./anchor.ts";
import { PLAIN, type Span, spansOf } from "./colours.ts";
import { type Command, commandIn } from "./commands.ts";
import type { Intake } from "./intake.ts";
import { MARK, type Mark, STDERR, SYSTEM } from "./line-store.ts";
import type { Times } from "./preferences.ts";
import { matchesIn } from "./search.ts";
import { appendSpans, type Highlight } from "./span-elements.ts";
import { timeText } from "./times.ts";

/** What rows show besides their line. */
export interface RowLook {
  times: Times;
  /** Lines that are selected, from the first to the last. */
  selected: { from: number; to: number } | undefined;
  /** Marks what it matches. */
  expression: RegExp | undefined;
  /** The match that the person is at: the line, and which of its matches. */
  current: { line: number; nth: number } | undefined;
  /** Long lines that are shown whole. */
  whole: ReadonlySet<number>;
}

/** Longer lines are cut, with a button that shows the rest. */
const MAX_SHOWN_CHARS = 4_000;
const LEVEL_LABELS = { notice: "Notice", warning: "Warning", error: "Error" } as const;

/** The element of one line. Buttons in it carry `data-do`, and the row carries `data-line`. */
export function rowElement({ store, groups, startOf }: Intake, line: number, look: RowLook): HTMLElement {
  const stream = store.streamOf(line);
  const row = element("div", "log-row");
  row.dataset.line = String(line);
  if (isIn(look.selected, line)) row.classList.add("log-selected");
  const mark = store.marks.get(line);
  if (stream === MARK || mark) {
    row.classList.add("log-mark");
    if (mark) row.append(...markContent(mark));
    return row;
  }
  const level = store.levelOf(line);
  if (level !== "plain") row.classList.add(`log-is-${level}`);
  const place = store.placeOf(line);
  const number = element("a", "log-number");
  number.href = hashOf({ from: place, to: place });
  number.tabIndex = -1;
  number.dataset.number = String(place.seq);
  number.setAttribute("aria-label", `Line ${place.seq}`);
  row.append(number);
  if (look.times !== "none") {
    const time = element("span", "log-time");
    time.dataset.time = timeText(look.times, store.atMsOf(line), startOf.get(place.attempt) ?? Number.NaN);
    row.append(time);
  }
  const kind = element("span", "log-stream");
  if (stream === STDERR) row.classList.add("log-stderr");
  if (stream === SYSTEM) row.classList.add("log-system");
  kind.dataset.stream = stream === STDERR ? "err" : stream === SYSTEM ? "sys" : "";
  row.append(kind);
  const depth = groups.depthOf(line);
  if (depth > 0) row.style.setProperty("--log-depth", String(Math.min(depth, 8)));
  row.append(content(store.textOf(line), line, { store, groups }, look));
  return row;
}

function content(
  text: string,
  line: number,
  { store, groups }: Pick<Intake, "store" | "groups">,
  look: RowLook,
): HTMLElement {
  const cell = element("span", "log-text");
  const command = commandIn(text);
  const group = command?.kind === "group" ? groups.headedBy(line) : undefined;
  if (group) {
    const button = element("button", "log-fold");
    button.type = "button";
    button.dataset.do = "fold";
    button.setAttribute("aria-expanded", String(!group.folded));
    appendSpans(button, [{ text: command?.kind === "group" ? command.title : "", style: PLAIN }], []);
    cell.append(button);
    if (group.folded && group.end !== undefined) {
      cell.append(quiet(`${numberText(group.end - line - 1)} lines`));
    }
    return cell;
  }
  const spans = command ? commandSpans(cell, command) : spansOf(text, store.styleOfLine(line));
  const shown = look.whole.has(line) ? spans : cut(spans);
  appendSpans(cell, shown, highlights(shown, line, look));
  if (shown !== spans) cell.append(moreButton(spans));
  // An empty line still has its height, and its newline when it is copied.
  if (spans.length === 0) cell.append(document.createElement("br"));
  return cell;
}

/** A note such as `::error::` has a label that says so in a word. */
function commandSpans(cell: HTMLElement, command: Command): Span[] {
  if (command.kind === "endgroup") return [];
  if (command.kind === "note") {
    const { level, message, place } = command;
    const label = element("strong", `log-label log-${level}`);
    label.textContent = level === "plain" ? "" : LEVEL_LABELS[level];
    cell.append(label, " ");
    if (place) cell.append(quiet(`${place} `));
    return [{ text: message, style: PLAIN }];
  }
  if (command.kind === "group") return [{ text: command.title, style: { ...PLAIN, decorations: ["bold"] } }];
  const style = { ...PLAIN, decorations: [command.kind === "debug" ? "dim" : "bold"] };
  return [{ text: command.kind === "command" ? `$ ${command.message}` : command.message, style }];
}

function cut(spans: Span[]): Span[] {
  let left = MAX_SHOWN_CHARS;
  const total = spans.reduce((sum, { text }) => sum + text.length, 0);
  if (total <= MAX_SHOWN_CHARS) return spans;
  const kept: Span[] = [];
  for (const span of spans) {
    if (left <= 0) break;
    kept.push(span.text.length <= left ? span : { ...span, text: span.text.slice(0, left) });
    left -= span.text.length;
  }
  return kept;
}

function moreButton(spans: readonly Span[]): HTMLElement {
  const more = element("button", "log-more");
  more.type = "button";
  more.dataset.do = "whole";
  const characters = spans.reduce((sum, { text }) => sum + text.length, 0);
  more.textContent = `Show all ${numberText(characters)} characters`;
  return more;
}

function highlights(spans: readonly Span[], line: number, { expression, current }: RowLook): Highlight[] {
  if (!expression) return [];
  const text = spans.map((span) => span.text).join("");
  return matchesIn(text, expression).map(([start, end], nth) => ({
    start,
    end,
    isCurrent: current?.line === line && current.nth === nth,
  }));
}

function markContent(mark: Mark): (Node | string)[] {
  if (mark.kind === "attempt") {
    const heading = element("span", "log-heading");
    heading.setAttribute("role", "heading");
    heading.setAttribute("aria-level", "3");
    heading.textContent = `Attempt ${mark.attempt}`;
    return [heading];
  }
  if (mark.kind === "removed") {
    const when = new Date(mark.atMs).toLocaleString();
    return [
      `The server removed the first ${numberText(mark.lines)} lines on ${when}, as its retention asks.`,
    ];
  }
  const button = element("button", "log-more");
  button.type = "button";
  button.dataset.do = "fill";
  button.textContent = "Get these lines";
  const lines = mark.missed === 1 ? "1 line is" : `${numberText(mark.missed)} lines are`;
  button.title = "They came faster than this page could read; the server has them.";
  return [`${lines} missing here. `, button];
}

function quiet(text: string): HTMLElement {
  const span = element("span", "log-quiet");
  span.textContent = text;
  return span;
}

function isIn(range: { from: number; to: number } | undefined, line: number): boolean {
  return range !== undefined && line >= range.from && line <= range.to;
}

export function element<Tag extends keyof HTMLElementTagNameMap>(
  tag: Tag,
  className: string,
): HTMLElementTagNameMap[Tag] {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}
