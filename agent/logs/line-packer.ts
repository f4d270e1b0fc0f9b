import { type LogStream, packedFlags } from "../../shared/log.ts";
import { type PackedLines, STREAM_LETTERS } from "../../shared/packed-lines.ts";

/** A part has at most about so many characters, so that parts can be handed on without being cut. */
const PART_CHARS = 64 * 1024;

/** Gives lines their numbers and packs them, many at once, without making an object of each. */
export class LinePacker {
  private done: PackedLines[] = [];
  private rows: string[] = [];
  private chars = 0;
  private firstSeq: number;

  constructor(private nextSeq: number) {
    this.firstSeq = nextSeq;
  }

  /** Adds one line, or a piece of one. */
  add(
    stream: LogStream,
    piece: string | Uint8Array,
    { partial = false, lost = false }: { partial?: boolean; lost?: boolean } = {},
  ): void {
    const isText = typeof piece === "string";
    const flags =
      (partial ? packedFlags.partial : 0) + (isText ? 0 : packedFlags.bytes) + (lost ? packedFlags.lost : 0);
    const text = JSON.stringify(isText ? piece : Buffer.from(piece).toString("base64"));
    this.push(`["${STREAM_LETTERS[stream]}","${nowText()}",${text}${flags ? `,${flags}` : ""}]`, 1);
  }

  /** Adds `count` lines, of which each ends with a newline. */
  addLines(stream: LogStream, text: string, count: number): void {
    const start = `["${STREAM_LETTERS[stream]}","${nowText()}",`;
    const lines = text.slice(0, -1);
    const json = JSON.stringify(lines);
    // Where no backslash is escaped, each \n stands for a newline.
    const rows = json.includes("\\\\")
      ? lines
          .split("\n")
          .map(JSON.stringify as (line: string) => string)
          .join(`],${start}`)
      : json.replaceAll("\\n", `"],${start}"`);
    this.push(`${start}${rows}]`, count);
  }

  /** What was added since the last call. */
  take(): PackedLines[] {
    this.endPart();
    const { done } = this;
    this.done = [];
    return done;
  }

  private push(rows: string, count: number): void {
    this.rows.push(rows);
    this.chars += rows.length;
    this.nextSeq += count;
    if (this.chars >= PART_CHARS) this.endPart();
  }

  private endPart(): void {
    if (this.rows.length === 0) return;
    const { firstSeq, nextSeq } = this;
    this.done.push({ firstSeq, lastSeq: nextSeq - 1, lines: `[${this.rows.join(",")}]` });
    this.firstSeq = nextSeq;
    this.rows = [];
    this.chars = 0;
  }
}

let lastNowMs = 0;
let lastNowText = "";

/** Formatting a date costs more than everything else that is done for a line, and many lines share a millisecond. */
function nowText(): string {
  const nowMs = Date.now();
  if (nowMs !== lastNowMs) {
    lastNowMs = nowMs;
    lastNowText = new Date(nowMs).toISOString();
  }
  return lastNowText;
}
