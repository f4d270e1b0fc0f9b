import type { LogEvent } from "../../shared/log.ts";
import type { Output } from "../output.ts";

type LogData = Extract<LogEvent, { event: "log" }>["data"];

/** So many characters are taken before the reader has to have them. */
const MAX_AHEAD = 256 * 1024;

/**
 * Writes a job's log as the job wrote it: stdout to stdout, stderr to stderr, an unfinished line unfinished. Goes ahead
 * of the reader by a bounded amount, so that lines that come together are written together; what is still on its way
 * is waited for at the end (`await using`).
 */
export class LogWriter implements AsyncDisposable {
  private readonly output: Output;
  private readonly json: boolean;
  private ahead = 0;
  private written: Promise<unknown> = Promise.resolve();
  private failure: { error: unknown } | undefined;

  constructor(output: Output, options: { json: boolean }) {
    this.output = output;
    this.json = options.json;
  }

  /** Throws what a write before this one met. */
  async write(event: LogEvent): Promise<void> {
    if (event.event === "log") this.hand(this.line(event.data), event.data.text.length);
    if (event.event === "gap") {
      const { missed } = event.data;
      const note = `tanvrit-compute: ${missed} lines were left out here to keep up; job logs prints them all.`;
      this.hand(this.output.note(note), note.length);
    }
    if (this.ahead >= MAX_AHEAD || this.failure) await this.flush();
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

  private line(line: LogData): Promise<void> {
    if (this.json) {
      const { seq, stream, attempt, at, text, partial } = line;
      return this.output.json({ seq, stream, attempt, at, text, partial });
    }
    if (line.stream === "system") return this.output.note(`tanvrit-compute: ${line.text}`);
    const text = line.partial ? line.text : `${line.text}\n`;
    return line.stream === "stdout" ? this.output.write(text) : this.output.writeError(text);
  }
}
