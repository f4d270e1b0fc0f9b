import { isatty } from "node:tty";
import { counted } from "../../shared/counted.ts";
import type { LogEvent } from "../../shared/log.ts";
import { CliError } from "../failure.ts";
import type { Output } from "../output.ts";

type LogData = Extract<LogEvent, { event: "log" }>["data"];

/** So many characters are taken before the reader has to have them. */
const MAX_AHEAD = 256 * 1024;

export interface LogWriterOptions {
  json: boolean;
  /** The output is data, not a view: what is missing of it is a failure. */
  whole: boolean;
}

/**
 * Writes a job's log as the job wrote it: stdout to stdout, stderr to stderr, an unfinished line unfinished. Goes ahead
 * of the reader by a bounded amount, so that lines that come together are written together; what is still on its way
 * is waited for at the end (`await using`).
 */
export class LogWriter implements AsyncDisposable {
  private readonly output: Output;
  private readonly options: LogWriterOptions;
  private ahead = 0;
  private written: Promise<unknown> = Promise.resolve();
  private failure: { error: unknown } | undefined;
  private missing = 0;
  private attempt = 0;

  constructor(output: Output, options: LogWriterOptions) {
    this.output = output;
    this.options = options;
  }

  /** Throws what a write before this one met. */
  async write(event: LogEvent): Promise<void> {
    if (event.event === "log") {
      this.sayAttempt(event.data.attempt);
      this.hand(this.line(event.data), event.data.text.length);
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

  /** To be called behind the last event. Throws where the output is data and a part of it did not come. */
  expectWhole(jobId: string): void {
    if (this.missing === 0) return;
    throw new CliError(
      "output_incomplete",
      `${this.missing} lines of the output are missing: the server could not read them back in time`,
      { todo: `Look at the server's log, then read it again: tanvrit-compute job logs ${jobId}` },
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
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
    const line = `tanvrit-compute: ${text}`;
    this.hand(this.output.note(line), line.length);
  }

  /** Between two attempts stands which one begins; lines in JSON say it themselves. */
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

  private line(line: LogData): Promise<void> {
    if (this.options.json) {
      const { seq, stream, attempt, at, text, encoding, bytes, partial } = line;
      return this.output.json({ seq, stream, attempt, at, text, encoding, bytes, partial });
    }
    if (line.stream === "system") return this.output.note(`tanvrit-compute: ${line.text}`);
    const piece = this.pieceOf(line);
    return line.stream === "stdout" ? this.output.write(piece) : this.output.writeError(piece);
  }

  /** As it was written; a terminal, which takes texts alone, gets U+FFFD for what is none. */
  private pieceOf({ stream, text, bytes, partial }: LogData): string | Uint8Array {
    const end = partial ? "" : "\n";
    if (bytes === undefined || isatty(stream === "stdout" ? 1 : 2)) return text + end;
    return Buffer.concat([Buffer.from(bytes, "base64"), Buffer.from(end)]);
  }
}
