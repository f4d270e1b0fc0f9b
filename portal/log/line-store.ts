/** Which stream wrote a line; `MARK` is a row that this page adds, such as the heading of an attempt. */
export const STDOUT = 0;
export const STDERR = 1;
export const SYSTEM = 2;
export const MARK = 3;

export const LEVELS = ["plain", "notice", "warning", "error"] as const;
export type Level = (typeof LEVELS)[number];

/** A row that is not output. */
export type Mark =
  | { kind: "attempt"; attempt: number }
  /** `after`: the last line before the gap, where filling it begins. */
  | { kind: "gap"; missed: number; after: Place | undefined }
  | { kind: "removed"; lines: number; atMs: number };

/** The place of a line in the log of a job: the number of the attempt, and of the line within it. */
export interface Place {
  attempt: number;
  seq: number;
}

export interface NewLine extends Place {
  stream: number;
  /** Epoch milliseconds. */
  atMs: number;
  text: string;
  escapes: boolean;
  level: Level;
  /** An index of `LineStore.styles`: the colours that earlier lines left switched on. */
  style: number;
}

const CHUNK_BITS = 14;
const CHUNK_LINES = 1 << CHUNK_BITS;
const CHUNK_MASK = CHUNK_LINES - 1;
/** Small enough that one page can be searched between two frames. */
const PAGE_BITS = 18;
const PAGE_BYTES = 1 << PAGE_BITS;
const PAGE_MASK = PAGE_BYTES - 1;
const NEWLINE = 0x0a;
const MAX_STYLES = 65_535;

const STREAM_BITS = 0b11;
const ESCAPES = 0b100;
const OPEN = 0b1000;
const LEVEL_SHIFT = 4;

/** The facts of some thousand lines, without their text. */
class Chunk {
  /** The slot of the page, and the offset in it. */
  readonly address = new Uint32Array(CHUNK_LINES);
  readonly bytes = new Uint32Array(CHUNK_LINES);
  readonly atMs = new Float64Array(CHUNK_LINES);
  readonly seq = new Uint32Array(CHUNK_LINES);
  readonly attempt = new Uint16Array(CHUNK_LINES);
  readonly style = new Uint16Array(CHUNK_LINES);
  readonly flags = new Uint8Array(CHUNK_LINES);
}

/** UTF-8 text of some thousand lines, each followed by a newline. Only ever grows. */
export class Page {
  readonly bytes: Uint8Array;
  usedBytes = 0;
  lines = 0;
  /** For each line of text, in order, the line that it belongs to. */
  lineOf = new Uint32Array(1_024);

  constructor(
    readonly slot: number,
    bytes: number,
  ) {
    this.bytes = new Uint8Array(bytes);
  }
}

export interface StoreLimits {
  maxTextBytes: number;
  maxLines: number;
}

/** A million lines of 160 bytes. */
const LIMITS: StoreLimits = { maxTextBytes: 160 * 1024 * 1024, maxLines: 1_500_000 };

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * The lines of a log, packed: about 25 bytes and its text for each, and no object. A line is known by its index, which counts
 * from 0 and stays the same while lines are dropped at the front. Beyond the limits, the oldest lines go.
 */
export class LineStore {
  /** The index of the first line that is still here. */
  first = 0;
  /** One more than the index of the last line. */
  end = 0;
  readonly marks = new Map<number, Mark>();
  /** Colours that a line begins with, as the parser of colours keeps them; the first are the usual colours. */
  readonly styles: string[] = [""];
  private readonly styleOf = new Map([["", 0]]);
  private readonly chunks = new Map<number, Chunk>();
  private readonly slots: (Page | undefined)[] = [];
  private readonly freeSlots: number[] = [];
  /** Oldest first. */
  private pages: Page[] = [];
  /** The texts of lines that are still being written. */
  private readonly openTexts = new Map<number, string>();
  private textBytes = 0;

  constructor(private readonly limits = LIMITS) {}

  /** Returns the index of the new line. */
  push(line: NewLine): number {
    const index = this.pushFacts(line);
    this.writeText(index, line.text);
    if (this.textBytes > this.limits.maxTextBytes || this.end - this.first > this.limits.maxLines) {
      this.dropOldest();
    }
    return index;
  }

  /** A line whose text still changes. `close` ends that. */
  pushOpen(line: NewLine): number {
    const index = this.pushFacts(line);
    this.addFlags(index, OPEN);
    this.openTexts.set(index, line.text);
    return index;
  }

  rewriteOpen(index: number, { text, escapes, level }: Pick<NewLine, "text" | "escapes" | "level">): void {
    if (index < this.first) return;
    this.openTexts.set(index, text);
    const { flags } = this.chunkOf(index);
    const kept = (flags[index & CHUNK_MASK] ?? 0) & (STREAM_BITS | OPEN);
    flags[index & CHUNK_MASK] = kept | (escapes ? ESCAPES : 0) | (LEVELS.indexOf(level) << LEVEL_SHIFT);
  }

  close(index: number): void {
    const text = this.openTexts.get(index);
    if (text === undefined) return;
    this.openTexts.delete(index);
    if (index < this.first) return;
    const { flags } = this.chunkOf(index);
    flags[index & CHUNK_MASK] = (flags[index & CHUNK_MASK] ?? 0) & ~OPEN;
    this.writeText(index, text);
  }

  pushMark(mark: Mark, place: Place): number {
    const line = { ...place, stream: MARK, atMs: Number.NaN, escapes: false, style: 0 };
    const index = this.pushFacts({ ...line, text: "", level: "plain" });
    this.marks.set(index, mark);
    return index;
  }

  /** The number of a style, for `NewLine.style`. */
  styleNumber(style: string): number {
    const known = this.styleOf.get(style);
    if (known !== undefined) return known;
    if (this.styles.length > MAX_STYLES) return 0;
    this.styles.push(style);
    this.styleOf.set(style, this.styles.length - 1);
    return this.styles.length - 1;
  }

  /** The text as `cleanText` left it. */
  textOf(index: number): string {
    const open = this.openTexts.get(index);
    if (open !== undefined) return open;
    const { address, bytes } = this.chunkOf(index);
    const at = address[index & CHUNK_MASK] ?? 0;
    const length = bytes[index & CHUNK_MASK] ?? 0;
    const page = this.slots[at >>> PAGE_BITS];
    if (length === 0 || !page) return "";
    const start = at & PAGE_MASK;
    return decoder.decode(page.bytes.subarray(start, start + length));
  }

  /** Bytes of the text, which is about its number of columns. */
  bytesOf(index: number): number {
    return this.openTexts.get(index)?.length ?? this.chunkOf(index).bytes[index & CHUNK_MASK] ?? 0;
  }

  streamOf(index: number): number {
    return (this.chunkOf(index).flags[index & CHUNK_MASK] ?? 0) & STREAM_BITS;
  }

  hasEscapes(index: number): boolean {
    return ((this.chunkOf(index).flags[index & CHUNK_MASK] ?? 0) & ESCAPES) !== 0;
  }

  levelOf(index: number): Level {
    return LEVELS[(this.chunkOf(index).flags[index & CHUNK_MASK] ?? 0) >>> LEVEL_SHIFT] ?? "plain";
  }

  styleOfLine(index: number): string {
    return this.styles[this.chunkOf(index).style[index & CHUNK_MASK] ?? 0] ?? "";
  }

  /** Epoch milliseconds; NaN for a mark. */
  atMsOf(index: number): number {
    return this.chunkOf(index).atMs[index & CHUNK_MASK] ?? Number.NaN;
  }

  placeOf(index: number): Place {
    const { attempt, seq } = this.chunkOf(index);
    return { attempt: attempt[index & CHUNK_MASK] ?? 0, seq: seq[index & CHUNK_MASK] ?? 0 };
  }

  /** The last line at or before this place, or the first line that is here; undefined while there is none. */
  indexOf({ attempt, seq }: Place): number | undefined {
    if (this.end === this.first) return undefined;
    let low = this.first;
    let high = this.end;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const place = this.placeOf(middle);
      if (place.attempt < attempt || (place.attempt === attempt && place.seq <= seq)) low = middle + 1;
      else high = middle;
    }
    return Math.max(low - 1, this.first);
  }

  /** The pages in order, for search. */
  get allPages(): readonly Page[] {
    return this.pages;
  }

  /** Puts the lines of `other` in the place of the mark at `index`. Everything after it moves. */
  replaceMark(index: number, other: LineStore): void {
    const added = other.end - other.first;
    this.marks.delete(index);
    this.move(index + 1, added - 1);
    for (let i = 0; i < added; i++) this.copyLine(index + i, other, other.first + i);
  }

  private move(from: number, by: number): void {
    const oldEnd = this.end;
    this.end += by;
    if (by > 0) for (let i = oldEnd - 1; i >= from; i--) this.moveFacts(i, i + by);
    else for (let i = from; i < oldEnd; i++) this.moveFacts(i, i + by);
    const later = [...this.marks].filter(([index]) => index >= from);
    for (const [index] of later) this.marks.delete(index);
    for (const [index, mark] of later) this.marks.set(index + by, mark);
    const open = [...this.openTexts].filter(([index]) => index >= from);
    for (const [index] of open) this.openTexts.delete(index);
    for (const [index, text] of open) this.openTexts.set(index + by, text);
    for (const { lineOf, lines } of this.pages) {
      for (let i = 0; i < lines; i++) if ((lineOf[i] ?? 0) >= from) lineOf[i] = (lineOf[i] ?? 0) + by;
    }
  }

  private moveFacts(from: number, to: number): void {
    const source = this.chunkOf(from);
    const target = this.chunkFor(to);
    const [i, j] = [from & CHUNK_MASK, to & CHUNK_MASK];
    target.address[j] = source.address[i] ?? 0;
    target.bytes[j] = source.bytes[i] ?? 0;
    target.atMs[j] = source.atMs[i] ?? 0;
    target.seq[j] = source.seq[i] ?? 0;
    target.attempt[j] = source.attempt[i] ?? 0;
    target.style[j] = source.style[i] ?? 0;
    target.flags[j] = source.flags[i] ?? 0;
  }

  private copyLine(index: number, other: LineStore, from: number): void {
    const place = other.placeOf(from);
    const style = this.styleNumber(other.styleOfLine(from));
    const facts = { ...place, stream: other.streamOf(from), atMs: other.atMsOf(from), style };
    this.setFacts(index, { ...facts, escapes: other.hasEscapes(from), level: other.levelOf(from) });
    const mark = other.marks.get(from);
    if (mark) this.marks.set(index, mark);
    else this.writeText(index, other.textOf(from));
  }

  private pushFacts(line: NewLine): number {
    const index = this.end++;
    this.setFacts(index, line);
    return index;
  }

  private setFacts(index: number, line: Omit<NewLine, "text">): void {
    const chunk = this.chunkFor(index);
    const at = index & CHUNK_MASK;
    chunk.address[at] = 0;
    chunk.bytes[at] = 0;
    chunk.atMs[at] = line.atMs;
    chunk.seq[at] = line.seq;
    chunk.attempt[at] = line.attempt;
    chunk.style[at] = line.style;
    chunk.flags[at] =
      line.stream | (line.escapes ? ESCAPES : 0) | (LEVELS.indexOf(line.level) << LEVEL_SHIFT);
  }

  private addFlags(index: number, flags: number): void {
    const chunk = this.chunkOf(index);
    chunk.flags[index & CHUNK_MASK] = (chunk.flags[index & CHUNK_MASK] ?? 0) | flags;
  }

  private writeText(index: number, text: string): void {
    const last = this.pages.at(-1);
    const written = last && this.writeInto(last, index, text);
    if (!written) this.writeInto(this.newPage(text.length * 3 + 1), index, text);
  }

  private writeInto(page: Page, index: number, text: string): boolean {
    const start = page.usedBytes;
    // The offset of a line must fit into its address.
    if (start > PAGE_MASK || start + text.length + 1 > page.bytes.length) return false;
    const { read, written } = encoder.encodeInto(text, page.bytes.subarray(start, page.bytes.length - 1));
    if (read < text.length) return false;
    page.bytes[start + written] = NEWLINE;
    page.usedBytes = start + written + 1;
    this.textBytes += written + 1;
    if (page.lines === page.lineOf.length) {
      const grown = new Uint32Array(page.lines * 2);
      grown.set(page.lineOf);
      page.lineOf = grown;
    }
    page.lineOf[page.lines++] = index;
    const chunk = this.chunkOf(index);
    chunk.address[index & CHUNK_MASK] = ((page.slot << PAGE_BITS) | start) >>> 0;
    chunk.bytes[index & CHUNK_MASK] = written;
    return true;
  }

  private newPage(bytes: number): Page {
    const slot = this.freeSlots.pop() ?? this.slots.length;
    const page = new Page(slot, Math.max(bytes, PAGE_BYTES));
    this.slots[slot] = page;
    this.pages.push(page);
    return page;
  }

  /** Drops a sixteenth of the lines, so that this is rare. */
  private dropOldest(): void {
    const count = Math.ceil((this.end - this.first) / 16);
    this.first += count;
    for (const [number] of this.chunks) {
      if ((number + 1) << CHUNK_BITS <= this.first) this.chunks.delete(number);
    }
    for (const [index] of this.marks) if (index < this.first) this.marks.delete(index);
    for (const [index] of this.openTexts) if (index < this.first) this.openTexts.delete(index);
    this.pages = this.pages.filter((page, i) => {
      const isNeeded = i === this.pages.length - 1 || (page.lineOf[page.lines - 1] ?? 0) >= this.first;
      if (!isNeeded) {
        this.slots[page.slot] = undefined;
        this.freeSlots.push(page.slot);
        this.textBytes -= page.usedBytes;
      }
      return isNeeded;
    });
  }

  private chunkFor(index: number): Chunk {
    const number = index >>> CHUNK_BITS;
    let chunk = this.chunks.get(number);
    if (!chunk) {
      chunk = new Chunk();
      this.chunks.set(number, chunk);
    }
    return chunk;
  }

  private chunkOf(index: number): Chunk {
    const chunk = this.chunks.get(index >>> CHUNK_BITS);
    if (!chunk) throw new RangeError(`line ${index} is not one of ${this.first} to ${this.end}`);
    return chunk;
  }
}
