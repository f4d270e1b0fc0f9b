import { counted } from "../../shared/counted.ts";
import type { LogEvent } from "../../shared/log.ts";
import { lineLength } from "../../shared/log-text.ts";
import { safeLine } from "../../shared/terminal-text.ts";
import { CliError } from "../exit/failure.ts";
import { isTerminal } from "../input/is-terminal.ts";
import type { Output } from "../output/output.ts";
import { LinePrefix } from "./line-prefix.ts";

type LogData = Extract<LogEvent, { event: "log" }>["data"];

/** How many characters may wait to be written before the reader must take them. */
const MAX_AHEAD = 256 * 1024;

export interface LogWriterOptions {
  json: boolean;
  /** The output is data, not a view: if part of it is missing, that is a failure. */
  whole: boolean;
  /** For one of several jobs that write to the same place: its lines come whole, and with its name. */
  element?: LogElement;
}

export interface LogElement {
  jobId: string;
  name: string;
  index: number;
  /** Its lines are printed as it wrote them, without its name. */
  bare: boolean;
}

/**
 * Writes a job's log as the job wrote it: stdout to stdout, stderr to stderr, an unfinished line unfinished. Runs ahead
 * of the reader by a bounded amount, so lines that arrive together are written together. Disposal (`await using`) waits
 * for the writes that are still pending.
 */
export class LogWriter implements AsyncDisposable {
  private ahead = 0;
  private written: Promise<unknown> = Promise.resolve();
  private failure: { error: unknown } | undefined;
  private missing = 0;
  /** What the log says about output that is lost. */
  private lost: string | undefined;
  private attempt = 0;
  private readonly lines: LinePrefix | undefined;

  constructor(
    private readonly output: Output,
    private readonly options: LogWriterOptions,
  ) {
    const { element, json } = options;
    if (element && !json) this.lines = new LinePrefix(element.bare ? "" : `${safeLine(element.name)}: `);
  }

  /** Throws the failure of an earlier write. */
  async write(event: LogEvent): Promise<void> {
    if (event.event === "log") {
      this.sayAttempt(event.data.attempt);
      if (event.data.lost) this.lost ??= event.data.text;
      this.hand(this.line(event.data), lineLength(event.data));
    }
    if (event.event === "status" && event.data.status === "RUNNING") this.sayAttempt(event.data.attempt);
    if (event.event === "gap") this.sayGap(event.data.missed);
    if (event.event === "removed") {
      const { lines, at } = event.data;
      const note = `tanvrit-compute: the server no longer keeps ${counted(lines, "line")} of this log; removed at ${at}`;
      this.hand(this.output.note(note), note.length);
    }
    if (this.ahead >= MAX_AHEAD || this.failure) await this.flush();
  }

  /** Call this after the last event. Throws if the output is data and a part of it is missing. */
  expectWhole(jobId: string): void {
    if (this.options.whole && this.lost !== undefined) {
      const what = `part of the output of job ${jobId} is missing; its log says: ${this.lost}`;
      throw new CliError("output_incomplete", what);
    }
    if (this.missing === 0) return;
    throw new CliError(
      "output_incomplete",
      `${this.missing} lines of the output are missing: the server could not read them back in time`,
      { todo: `Check the server's log, then read it again: tanvrit-compute job logs ${jobId}` },
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const stream of ["stdout", "stderr"] as const) {
      const rest = this.lines?.rest(stream);
      if (rest) this.hand(this.put(stream, rest), rest.length);
    }
    return this.flush();
  }

  private async flush(): Promise<void> {
    await this.written;
    this.ahead = 0;
    const { failure } = this;
    this.failure = undefined;
    if (failure) throw failure.error;
  }

  private hand(writing: Promise<void>, length: number): void {
    this.ahead += length + 1;
    this.written = writing.catch((error) => {
      this.failure ??= { error };
    });
  }

  private note(text: string): void {
    const line = this.noteOf(text);
    this.hand(this.output.note(line), line.length);
  }

  /** Between two attempts, says which one begins. Lines in JSON say it themselves. */
  private sayAttempt(attempt: number): void {
    if (this.attempt > 0 && attempt > this.attempt && !this.options.json) this.note(`attempt ${attempt}`);
    this.attempt = Math.max(this.attempt, attempt);
  }

  private sayGap(missed: number): void {
    if (this.options.whole) this.missing += missed;
    this.note(
      this.options.whole
        ? `${missed} lines are missing here.`
        : `${missed} lines were left out here to keep up; job logs prints them all.`,
    );
  }

  private noteOf(text: string): string {
    const { element } = this.options;
    return `tanvrit-compute: ${element ? `${element.name}: ` : ""}${safeLine(text)}`;
  }

  private line(line: LogData): Promise<void> {
    const { stream } = line;
    if (this.options.json) return this.output.json(this.objectOf(line));
    if (stream === "system") return this.output.note(this.noteOf(line.text));
    if (!this.lines) return this.put(stream, pieceOf(line));
    const whole = this.lines.add(stream, bytesOf(line), line.partial ?? false);
    return whole ? this.put(stream, whole) : this.written.then(() => undefined);
  }

  private objectOf({ seq, stream, attempt, at, text, encoding, bytes, partial, lost }: LogData) {
    const { jobId, index } = this.options.element ?? {};
    return { jobId, index, seq, stream, attempt, at, text, encoding, bytes, partial, lost };
  }

  /** Writes the bytes unchanged; a terminal takes only text, so it gets U+FFFD for bytes that are not text. */
  private put(stream: "stdout" | "stderr", piece: string | Uint8Array): Promise<void> {
    const isBytes = typeof piece !== "string" && !isTerminal(stream === "stdout" ? 1 : 2);
    const shown = typeof piece === "string" || isBytes ? piece : Buffer.from(piece).toString("utf8");
    return stream === "stdout" ? this.output.write(shown) : this.output.writeError(shown);
  }
}

function bytesOf({ text, bytes }: LogData): Uint8Array {
  return bytes === undefined ? Buffer.from(text) : Buffer.from(bytes, "base64");
}

function pieceOf(line: LogData): string | Uint8Array {
  const end = line.partial ? "" : "\n";
  return line.bytes === undefined ? line.text + end : Buffer.concat([bytesOf(line), Buffer.from(end)]);
}
