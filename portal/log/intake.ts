import { cleanText, lastState } from "./clean-text.ts";
import { styleAfter } from "./colours.ts";
import { type Command, commandIn } from "./commands.ts";
import { Groups } from "./groups.ts";
import {
  type Level,
  LineStore,
  type Mark,
  type Place,
  STDERR,
  STDOUT,
  type StoreLimits,
  SYSTEM,
} from "./line-store.ts";
import type { LogSourceEvent, PackedLine, PackedLines } from "./source.ts";

const STREAMS: Record<string, number> = {
  ...{ o: STDOUT, e: STDERR, s: SYSTEM },
  ...{ stdout: STDOUT, stderr: STDERR, system: SYSTEM },
};
const PARTIAL = 1;
const BASE64 = 2;
const LOST = 4;
/** A line that never ends is shown up to here. */
const MAX_LINE_CHARS = 1024 * 1024;

/** A line of which more pieces may come. */
interface OpenLine {
  index: number;
  raw: string;
}

interface Piece {
  stream: number;
  place: Place;
  atMs: number;
  text: string;
  partial: boolean;
  /** Output is missing here for good; the text says how much. */
  lost: boolean;
}

/**
 * Takes the events of a log and keeps them as lines that can be shown: pieces of a line are joined, progress bars keep their
 * last state, groups are found, and attempts, gaps and removed lines get rows of their own.
 */
export class Intake {
  readonly store: LineStore;
  readonly groups = new Groups();
  /** When each attempt wrote its first line, in epoch milliseconds. */
  readonly startOf = new Map<number, number>();
  /** How many lines are errors and warnings. */
  readonly counts: Record<Level, number> = { plain: 0, notice: 0, warning: 0, error: 0 };
  /** The place of the last piece taken; pieces up to it are known. */
  last: Place | undefined;
  /** Pieces after this place are not wanted. */
  until: Place | undefined;
  private readonly open = new Map<number, OpenLine>();
  private readonly rewritten = new Set<number>();
  /** The style that each stream left switched on. */
  private readonly styles: string[] = ["", "", ""];
  private readonly styleNumbers: number[] = [0, 0, 0];

  constructor(limits?: StoreLimits) {
    this.store = new LineStore(limits);
  }

  take(event: LogSourceEvent): void {
    if (event.event === "lines") this.takeLines(event.data);
    else if (event.event === "log") {
      const { attempt, seq, stream, at, text, partial, lost } = event.data;
      const place = { attempt, seq };
      this.takePiece({
        stream: STREAMS[stream] ?? SYSTEM,
        place,
        atMs: Date.parse(at),
        text,
        partial: partial === true,
        lost: lost === true,
      });
    } else if (event.event === "gap") this.takeGap(event.data.missed);
    else if (event.event === "removed") {
      const { lines, at } = event.data;
      this.store.pushMark({ kind: "removed", lines, atMs: Date.parse(at) }, { attempt: 0, seq: 0 });
    } else if (event.event === "end") this.closeAll();
  }

  /** The lines that were written on since the last call. */
  takeRewritten(): number[] {
    if (this.rewritten.size === 0) return [];
    const lines = [...this.rewritten];
    this.rewritten.clear();
    return lines;
  }

  /** Nothing more comes for now: lines that wait for their end are over. */
  closeAll(): void {
    for (const { index } of this.open.values()) this.store.close(index);
    this.open.clear();
  }

  /** Puts the lines that were found for a gap in its place. Returns where, and how many more lines there are now. */
  fill(gap: Mark, { store, groups, startOf }: Intake): { at: number; added: number } | undefined {
    const at = [...this.store.marks].find(([, mark]) => mark === gap)?.[0];
    if (at === undefined) return undefined;
    const added = store.end - store.first - 1;
    const moved = groups.all.map((group) => ({
      ...group,
      header: group.header + at,
      end: (group.end ?? store.end) + at,
    }));
    this.store.replaceMark(at, store);
    this.groups.insert(at + 1, added, moved);
    for (const open of this.open.values()) if (open.index > at) open.index += added;
    for (const [attempt, startMs] of startOf)
      if (!this.startOf.has(attempt)) this.startOf.set(attempt, startMs);
    return { at, added };
  }

  private takeLines({ attempt, seq, lines }: PackedLines): void {
    for (let i = 0; i < lines.length; i++) {
      const [stream, at, text, flags = 0] = lines[i] as PackedLine;
      const place = { attempt, seq: seq + i };
      const shown = flags & BASE64 ? textOfBase64(text) : text;
      const partial = (flags & PARTIAL) !== 0;
      this.takePiece({
        stream: STREAMS[stream] ?? SYSTEM,
        place,
        atMs: Date.parse(at),
        text: shown,
        partial,
        lost: (flags & LOST) !== 0,
      });
    }
  }

  private takePiece(piece: Piece): void {
    const { place, stream } = piece;
    if (this.last && isUpTo(place, this.last)) return;
    if (this.until && !isUpTo(place, this.until)) return;
    if (place.attempt !== this.last?.attempt) this.beginAttempt(piece);
    this.last = place;
    const open = this.open.get(stream);
    if (open) this.continueLine(open, piece);
    else if (piece.partial) this.openLine(piece);
    else this.addLine(piece);
  }

  private beginAttempt({ place, atMs }: Piece): void {
    const { attempt } = place;
    this.closeAll();
    this.groups.finishAll(this.store.end);
    this.styles.fill("");
    this.styleNumbers.fill(0);
    this.startOf.set(attempt, atMs);
    if (attempt > 1) this.store.pushMark({ kind: "attempt", attempt }, { attempt, seq: 0 });
  }

  private takeGap(missed: number): void {
    const { attempt = 1, seq = 0 } = this.last ?? {};
    this.closeAll();
    const place = { attempt, seq: seq + missed };
    this.store.pushMark({ kind: "gap", missed, after: this.last }, place);
    this.last = place;
  }

  private addLine({ stream, place, atMs, text: raw, lost }: Piece): void {
    const { text, escapes } = cleanText(raw);
    const command = commandIn(text);
    if (command?.kind === "endgroup" && this.groups.finish(this.store.end)) return;
    const level = lost ? "warning" : levelOf(command);
    const style = this.styleNumbers[stream] ?? 0;
    const index = this.store.push({ ...place, stream, atMs, text, escapes, level, style });
    this.counts[level]++;
    if (command?.kind === "group") this.groups.begin(index);
    if (escapes) this.leaveStyle(stream, text);
  }

  private openLine({ stream, place, atMs, text: raw }: Piece): void {
    const { text, escapes } = cleanText(raw);
    const style = this.styleNumbers[stream] ?? 0;
    const index = this.store.pushOpen({ ...place, stream, atMs, text, escapes, level: "plain", style });
    this.open.set(stream, { index, raw: shortened(raw) });
  }

  private continueLine(open: OpenLine, { stream, text: raw, partial }: Piece): void {
    open.raw = shortened(open.raw + raw);
    const { text, escapes } = cleanText(open.raw);
    // A group's header must be the last line; its lines come after it.
    const isLast = open.index === this.store.end - 1;
    const command = partial ? undefined : commandIn(text);
    const level = levelOf(command);
    this.rewritten.add(open.index);
    this.store.rewriteOpen(open.index, { text, escapes, level });
    if (partial) return;
    if (command?.kind === "group" && isLast) this.groups.begin(open.index);
    this.store.close(open.index);
    this.open.delete(stream);
    this.counts[level]++;
    if (escapes) this.leaveStyle(stream, text);
  }

  private leaveStyle(stream: number, text: string): void {
    const style = styleAfter(text, this.styles[stream] ?? "");
    if (style === this.styles[stream]) return;
    this.styles[stream] = style;
    this.styleNumbers[stream] = this.store.styleNumber(style);
  }
}

/** Whether `place` is before `other`, or the same. */
export function isUpTo(place: Place, other: Place): boolean {
  return place.attempt < other.attempt || (place.attempt === other.attempt && place.seq <= other.seq);
}

function levelOf(command: Command | undefined): Level {
  return command?.kind === "note" ? command.level : "plain";
}

/** What a progress bar has overwritten is not kept. */
function shortened(raw: string): string {
  const returned = raw.endsWith("\r") ? "\r" : "";
  const state = raw.includes("\r") ? lastState(raw) + returned : raw;
  return state.length > MAX_LINE_CHARS ? state.slice(0, MAX_LINE_CHARS) : state;
}

const decoder = new TextDecoder();

function textOfBase64(text: string): string {
  return decoder.decode(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)));
}
