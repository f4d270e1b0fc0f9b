import { bytesText } from "../../shared/bytes-text.ts";
import { counted } from "../../shared/counted.ts";
import { lookOf } from "../output/look.ts";
import type { Output } from "../output/output.ts";

/** How far a transfer is. */
export interface Progress {
  /** Bytes of files that are done: sent, or there already. */
  bytes: number;
  totalBytes: number;
  files: number;
  totalFiles: number;
}

const REDRAW_MS = 100;
/** The rate is an average over this time. */
const RATE_OVER_MS = 5_000;

/** One line on a terminal that shows how far a transfer is. Shows nothing in a pipe, with --json and on a dumb terminal. */
export class ProgressLine {
  private readonly samples: { atMs: number; bytes: number }[] = [];
  private drawnMs = Number.NEGATIVE_INFINITY;
  private readonly isShown: boolean;

  constructor(
    private readonly output: Output,
    { json }: { json: boolean },
    private readonly verb: string,
    private readonly nowMs: () => number = () => performance.now(),
  ) {
    this.isShown = !json && output.noteLook.columns !== undefined && process.env.TERM !== "dumb";
  }

  update(progress: Progress): void {
    const atMs = this.nowMs();
    if (!this.isShown || atMs - this.drawnMs < REDRAW_MS) return;
    this.drawnMs = atMs;
    this.samples.push({ atMs, bytes: progress.bytes });
    while (atMs - (this.samples[1]?.atMs ?? atMs) > RATE_OVER_MS) this.samples.shift();
    // The terminal may have another width by now.
    const columns = lookOf("stderr", process.env).columns ?? 0;
    this.output.showStatus(progressText(this.verb, progress, this.bytesPerSecond(), columns - 1));
  }

  /** Removes the line. `summary` is for a terminal only, too. */
  async end(summary?: string): Promise<void> {
    if (!this.isShown) return;
    this.output.showStatus("");
    if (summary !== undefined) await this.output.note(`tanvrit-compute: ${summary}`);
  }

  private bytesPerSecond(): number | undefined {
    const [first, last] = [this.samples[0], this.samples.at(-1)];
    if (!first || !last || last.atMs - first.atMs < REDRAW_MS) return undefined;
    return ((last.bytes - first.bytes) * 1_000) / (last.atMs - first.atMs);
  }
}

/** `sending 1.2 GiB of 2 GiB, 48 MiB/s, 16 s left, 12 of 212 files`; what does not fit is left out, the least important first. */
export function progressText(
  verb: string,
  { bytes, totalBytes, files, totalFiles }: Progress,
  bytesPerSecond: number | undefined,
  columns: number,
): string {
  const parts = [`${verb} ${bytesText(bytes)} of ${bytesText(totalBytes)}`];
  if (bytesPerSecond !== undefined) {
    parts.push(`${bytesText(Math.round(bytesPerSecond))}/s`);
    if (bytesPerSecond > 0 && totalBytes > bytes)
      parts.push(`${timeText((totalBytes - bytes) / bytesPerSecond)} left`);
  }
  parts.push(`${files} of ${counted(totalFiles, "file")}`);
  while (parts.length > 1 && parts.join(", ").length > columns) parts.pop();
  return parts.join(", ").slice(0, Math.max(0, columns));
}

/** `45 s`, `3 min`, `1 h 20 min`. */
function timeText(seconds: number): string {
  if (seconds < 60) return `${Math.ceil(seconds)} s`;
  const minutes = Math.ceil(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
