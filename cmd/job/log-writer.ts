import type { LogEvent } from "../../shared/log.ts";
import type { Output } from "../output.ts";

type LogData = Extract<LogEvent, { event: "log" }>["data"];

/** Writes a job's log as the job wrote it: stdout to stdout, stderr to stderr, an unfinished line unfinished. */
export class LogWriter {
  private readonly output: Output;
  private readonly json: boolean;

  constructor(output: Output, options: { json: boolean }) {
    this.output = output;
    this.json = options.json;
  }

  async write(event: LogEvent): Promise<void> {
    if (event.event === "log") await this.line(event.data);
    if (event.event === "gap") {
      await this.output.note(
        `tanvrit-compute: ${event.data.missed} lines were left out here to keep up; job logs prints them all.`,
      );
    }
  }

  private async line(line: LogData): Promise<void> {
    if (this.json) {
      const { seq, stream, attempt, at, text, partial } = line;
      await this.output.json({ seq, stream, attempt, at, text, partial });
    } else if (line.stream === "system") {
      await this.output.note(`tanvrit-compute: ${line.text}`);
    } else {
      const text = line.partial ? line.text : `${line.text}\n`;
      await (line.stream === "stdout" ? this.output.write(text) : this.output.writeError(text));
    }
  }
}
