import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  statSync,
  writeSync,
} from "node:fs";
import { join } from "node:path";
import { type LogLine, logLine } from "../../shared/log.ts";
import { namesIn } from "../state/names-in.ts";

interface Segment {
  path: string;
  sizeBytes: number;
  readBytes: number;
  /** The highest seq in it; 0 for one that was found on disk and not read yet. */
  lastSeq: number;
}

const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Holds the longest line there can be: 32 Ki units, each at most six bytes as JSON. */
const READ_BYTES = 512 * 1024;

/**
 * Unsent lines of one execution on disk: files of JSON lines that are written at the end, read at the front, and
 * removed one by one as the server has stored what is in them, so that a job which is always a little faster than
 * the network does not fill the disk. Writes are synchronous: they go to the page cache, and lines keep their order.
 * A file that ends in half a line (the machine went down) loses that line only.
 */
export class Segments {
  private readonly segments: Segment[] = [];
  private nextNumber = 0;
  private writeFd: number | undefined;

  /** @param name of the execution, which is new here. */
  constructor(
    private readonly dir: string,
    private readonly name: string,
  ) {}

  /** Takes over the files an earlier run left under this name. */
  static reopen(dir: string, name: string): Segments {
    const reopened = new Segments(dir, name);
    for (const file of leftFiles(dir, name)) {
      const path = join(dir, file);
      reopened.segments.push({ path, sizeBytes: statSync(path).size, readBytes: 0, lastSeq: 0 });
      reopened.nextNumber = numberOf(file) + 1;
    }
    return reopened;
  }

  get isEmpty(): boolean {
    return this.segments.length === 0;
  }

  get unreadBytes(): number {
    return this.segments.reduce((sum, segment) => sum + segment.sizeBytes - segment.readBytes, 0);
  }

  /**
   * All of them or, where it throws, none.
   * @param read true: the caller has these lines in memory and does not want to read them again.
   */
  append(lines: readonly LogLine[], read: boolean): void {
    if (lines.length === 0) return;
    const data = Buffer.from(`${lines.map((line) => JSON.stringify(line)).join("\n")}\n`);
    const segment = this.segmentToWrite();
    const fd = this.writeFd ?? -1;
    try {
      for (let written = 0; written < data.length; ) written += writeSync(fd, data, written);
    } catch (error) {
      // The disk is full, say: half a line must not stand in front of what is written later.
      ftruncateSync(fd, segment.sizeBytes);
      throw error;
    }
    segment.sizeBytes += data.length;
    if (read) segment.readBytes = segment.sizeBytes;
    segment.lastSeq = lines.at(-1)?.seq ?? segment.lastSeq;
  }

  /** The next lines behind those read before; none when all is read, or where a file cannot be read any more. */
  read(): LogLine[] {
    const segment = this.segments.find((one) => one.readBytes < one.sizeBytes);
    if (!segment) return [];
    const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, segment.sizeBytes - segment.readBytes));
    const got = readAt(segment.path, buffer, segment.readBytes);
    if (got === undefined) {
      // Removed, or damaged: it is passed over, the log shows what is missing, and what comes goes to a new file.
      segment.readBytes = segment.sizeBytes;
      if (segment === this.segments.at(-1)) this.close();
      return [];
    }
    const end = buffer.lastIndexOf(0x0a, got - 1) + 1;
    // Without a newline it is the torn end of a crash, or the file was cut short behind our back.
    segment.readBytes = end === 0 ? segment.sizeBytes : segment.readBytes + end;
    const lines = parseLines(buffer.toString("utf8", 0, end));
    segment.lastSeq = Math.max(segment.lastSeq, lines.at(-1)?.seq ?? 0);
    return lines;
  }

  /** The server has all lines up to `seq`. */
  release(seq: number): void {
    for (;;) {
      const first = this.segments[0];
      if (!first || first.readBytes < first.sizeBytes || first.lastSeq > seq) return;
      if (this.segments.length === 1) this.close();
      this.segments.shift();
      rmSync(first.path, { force: true });
    }
  }

  /** Removes the files. */
  remove(): void {
    this.close();
    for (const segment of this.segments.splice(0)) rmSync(segment.path, { force: true });
  }

  /** Leaves the files for the next run. */
  close(): void {
    if (this.writeFd !== undefined) closeSync(this.writeFd);
    this.writeFd = undefined;
  }

  private segmentToWrite(): Segment {
    const last = this.segments.at(-1);
    if (last && this.writeFd !== undefined && last.sizeBytes < SEGMENT_BYTES) return last;
    this.close();
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    const path = join(this.dir, `${this.name}.${String(this.nextNumber++).padStart(6, "0")}.ndjson`);
    this.writeFd = openSync(path, "wx", 0o600);
    const segment = { path, sizeBytes: 0, readBytes: 0, lastSeq: 0 };
    this.segments.push(segment);
    return segment;
  }
}

/** The names of executions that have files in `dir`. */
export function executionsWithSegments(dir: string): string[] {
  return [...new Set(filesIn(dir).map((file) => file.slice(0, file.indexOf("."))))];
}

function leftFiles(dir: string, name: string): string[] {
  return filesIn(dir).filter((file) => file.startsWith(`${name}.`));
}

function filesIn(dir: string): string[] {
  return namesIn(dir)
    .filter((file) => /^\w+\.\d+\.ndjson$/.test(file))
    .sort();
}

/** How many bytes were read; undefined where the file cannot be read. */
function readAt(path: string, buffer: Buffer, position: number): number | undefined {
  try {
    const fd = openSync(path, "r");
    try {
      return readSync(fd, buffer, 0, buffer.length, position);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined; // Whatever the reason, what is in it cannot be sent, and what is behind it can.
  }
}

function numberOf(file: string): number {
  return Number(file.split(".")[1]);
}

function parseLines(text: string): LogLine[] {
  const lines: LogLine[] = [];
  for (const json of text.split("\n")) {
    if (json === "") continue;
    try {
      lines.push(logLine.parse(JSON.parse(json)));
    } catch {
      // A block that the disk lost in a crash; the missing numbers show in the log, and the rest still counts.
    }
  }
  return lines;
}
