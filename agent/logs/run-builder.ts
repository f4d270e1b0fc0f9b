import { charsOf, type LineRuns, runOfText, runsFrom } from "../../shared/line-runs.ts";
import { type LineRun, type LogStream, packedFlags } from "../../shared/log.ts";
import { letterOf } from "../../shared/packed-lines.ts";

/** A part has at most about so many characters, so that parts can be handed on without being cut. */
const PART_CHARS = 64 * 1024;

/** Gives lines their numbers and times, many at once, without making an object of each. */
export class RunBuilder {
  private done: LineRuns[] = [];
  private runs: LineRun[] = [];
  private chars = 0;

  constructor(private nextSeq: number) {}

  /** Adds one line, or a piece of one. */
  add(
    stream: LogStream,
    piece: string | Uint8Array,
    { partial = false, lost = false }: { partial?: boolean; lost?: boolean } = {},
  ): void {
    const isText = typeof piece === "string";
    const flags =
      (partial ? packedFlags.partial : 0) + (isText ? 0 : packedFlags.bytes) + (lost ? packedFlags.lost : 0);
    const text = isText ? piece : Buffer.from(piece).toString("base64");
    this.push(flags ? [letterOf[stream], nowText(), text, flags] : [letterOf[stream], nowText(), text]);
  }

  /** Adds `count` lines, of which each ends with a newline. */
  addLines(stream: LogStream, text: string, count: number): void {
    this.push(runOfText(letterOf[stream], nowText(), text.slice(0, -1), count));
  }

  /** What was added since the last call. */
  take(): LineRuns[] {
    this.endPart();
    const { done } = this;
    this.done = [];
    return done;
  }

  private push(run: LineRun): void {
    this.runs.push(run);
    this.chars += charsOf(run);
    if (this.chars >= PART_CHARS) this.endPart();
  }

  private endPart(): void {
    if (this.runs.length === 0) return;
    const part = runsFrom(this.nextSeq, this.runs);
    this.done.push(part);
    this.nextSeq = part.lastSeq + 1;
    this.runs = [];
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
