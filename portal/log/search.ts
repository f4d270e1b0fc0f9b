import { KEPT_SEQUENCE } from "./clean-text.ts";
import { type LineStore, MARK } from "./line-store.ts";

export interface SearchQuery {
  text: string;
  regex: boolean;
  matchCase: boolean;
}

/** More matches than this are counted but cannot be gone to. */
export const MAX_MATCHES = 1_000_000;
/** A regular expression that matches without end in one line stops here. */
const MAX_MATCHES_PER_LINE = 10_000;

const decoder = new TextDecoder();

/** The expression of a query, with the flags `g`, `m` and `u`. Throws SyntaxError if the person wrote no valid one. */
export function expressionOf({ text, regex, matchCase }: SearchQuery): RegExp {
  const source = regex ? text : text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&");
  const flags = matchCase ? "gm" : "gim";
  try {
    return new RegExp(source, `${flags}u`);
  } catch (error) {
    // Without `u`, JavaScript allows needless escapes, which people write.
    if (!regex) return new RegExp(source.replaceAll("\\-", "-").replaceAll("\\/", "/"), `${flags}u`);
    try {
      return new RegExp(source, flags);
    } catch {
      // The first error describes the expression better.
      throw error;
    }
  }
}

/** The matches in one line: start and end, as offsets in its text. */
export function matchesIn(text: string, expression: RegExp): [start: number, end: number][] {
  const found: [number, number][] = [];
  expression.lastIndex = 0;
  for (const { 0: match, index } of text.matchAll(expression)) {
    if (match !== "") found.push([index, index + match.length]);
    if (found.length >= MAX_MATCHES_PER_LINE) break;
  }
  return found;
}

/**
 * Searches all lines, a page of text at a time, so that it can be done between two frames. Lines that come later are
 * searched by further steps.
 */
export class Search {
  /** The line of each match, in order; a line with three matches is there three times. */
  private lines = new Uint32Array(1_024);
  private stored = 0;
  /** All matches, also those beyond `MAX_MATCHES`. */
  count = 0;
  private readonly seen = new WeakMap<object, number>();
  private pageIndex = 0;
  private sorted = true;
  private readonly isNeedle: boolean;

  constructor(
    readonly query: SearchQuery,
    readonly expression = expressionOf(query),
  ) {
    this.isNeedle = !query.regex && query.matchCase;
  }

  /** Matches that can be gone to. */
  get reachable(): number {
    return this.stored;
  }

  /** Searches until everything was searched (returns true) or `deadlineMs` of `performance.now()` has passed. */
  step(store: LineStore, deadlineMs: number): boolean {
    const pages = store.allPages;
    // Pages may have been dropped at the front.
    this.pageIndex = Math.min(this.pageIndex, pages.length);
    while (this.pageIndex > 0 && this.isUnfinished(pages[this.pageIndex - 1])) this.pageIndex--;
    for (; this.pageIndex < pages.length; this.pageIndex++) {
      const page = pages[this.pageIndex];
      if (!page || !this.isUnfinished(page)) continue;
      if (performance.now() >= deadlineMs) return false;
      const from = this.seen.get(page) ?? 0;
      this.searchPage(store, page, from);
      this.seen.set(page, page.usedBytes);
    }
    return true;
  }

  /** The line of a match. */
  lineOf(match: number): number | undefined {
    this.sort();
    return match < this.stored ? this.lines[match] : undefined;
  }

  /** The first match at or after this line; `reachable` if there is none. */
  firstFrom(line: number): number {
    this.sort();
    let low = 0;
    let high = this.stored;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.lines[middle] ?? 0) < line) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  private isUnfinished(page: { usedBytes: number } | undefined): boolean {
    return page !== undefined && (this.seen.get(page) ?? 0) < page.usedBytes;
  }

  private searchPage(
    store: LineStore,
    page: { bytes: Uint8Array; usedBytes: number; lineOf: Uint32Array },
    fromByte: number,
  ): void {
    const linesBefore = this.linesSeen.get(page) ?? 0;
    const raw = decoder.decode(page.bytes.subarray(fromByte, page.usedBytes));
    const text = raw.includes("\x1b") ? raw.replace(KEPT_SEQUENCE, "") : raw;
    let line = linesBefore;
    let at = 0;
    let inLine = 0;
    for (const { start, end } of this.found(text)) {
      for (let next = text.indexOf("\n", at); next !== -1 && next < start; next = text.indexOf("\n", at)) {
        line++;
        at = next + 1;
        inLine = 0;
      }
      if (end === start || ++inLine > MAX_MATCHES_PER_LINE) continue;
      const index = page.lineOf[line] ?? 0;
      if (index >= store.first && store.streamOf(index) !== MARK) this.add(index);
    }
    this.linesSeen.set(page, linesBefore + countNewlines(text));
  }

  private readonly linesSeen = new WeakMap<object, number>();

  private *found(text: string): Generator<{ start: number; end: number }> {
    if (this.isNeedle) {
      const { text: needle } = this.query;
      for (let at = text.indexOf(needle); at !== -1; at = text.indexOf(needle, at + needle.length)) {
        yield { start: at, end: at + needle.length };
      }
      return;
    }
    this.expression.lastIndex = 0;
    for (const { 0: match, index } of text.matchAll(this.expression)) {
      // An expression such as [^a] also matches the end of a line.
      const newline = match.indexOf("\n");
      yield { start: index, end: index + (newline === -1 ? match.length : newline) };
    }
  }

  private add(line: number): void {
    this.count++;
    if (this.stored >= MAX_MATCHES) return;
    if (this.stored === this.lines.length) {
      const grown = new Uint32Array(this.stored * 2);
      grown.set(this.lines);
      this.lines = grown;
    }
    if (line < (this.lines[this.stored - 1] ?? 0)) this.sorted = false;
    this.lines[this.stored++] = line;
  }

  /** A line that was written in pieces is in the pages after lines that came later. */
  private sort(): void {
    if (this.sorted) return;
    this.lines.subarray(0, this.stored).sort();
    this.sorted = true;
  }
}

function countNewlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf("\n"); at !== -1; at = text.indexOf("\n", at + 1)) count++;
  return count;
}
