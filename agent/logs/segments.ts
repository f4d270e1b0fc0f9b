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
import type { LineRuns } from "../../shared/line-runs.ts";
import { namesIn } from "../state/names-in.ts";
import { leaveOutputGarbage } from "./output-garbage.ts";
import { linesIn, rowOf } from "./segment-row.ts";

interface Segment {
  path: string;
  sizeBytes: number;
  readBytes: number;
  /** The highest seq in it; 0 for one that was found on disk and not read yet. */
  lastSeq: number;
}

const NEWLINE = 0x0a;
const SEGMENT_BYTES = 16 * 1024 * 1024;
/** Enough for the longest possible part. */
const READ_BYTES = 512 * 1024;
/** What is read goes through this memory; nobody keeps it. */
const readBuffer = Buffer.allocUnsafeSlow(READ_BYTES);

/**
 * Unsent lines of one execution on disk, in files with one row for each part. They are written at the end and read at the
 * front. Each file is removed when the server has stored its lines, so a job that is always a little faster than the network
 * does not fill the disk. Writes are synchronous: they go to the page cache, and lines keep their order. Of a row that
 * ends too early (the machine went down), only its last line is lost; of one that is damaged, only the runs with the damage.
 */
export class Segments {
  private readonly segments: Segment[] = [];
  private nextNumber = 0;
  private writeFd: number | undefined;

  /** @param name of the execution, which has no files here yet. */
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
   * Writes all of the lines, or none if it throws.
   * @param read true: the caller has these lines in memory and does not want to read them again.
   */
  append(parts: readonly LineRuns[], read: boolean): void {
    if (parts.length === 0) return;
    const segment = this.segmentToWrite();
    const fd = this.writeFd ?? -1;
    let sizeBytes = 0;
    try {
      for (const part of parts) sizeBytes += writePart(fd, part);
    } catch (error) {
      // The disk may be full. Half a line must not remain in front of later lines.
      ftruncateSync(fd, segment.sizeBytes);
      throw error;
    }
    segment.sizeBytes += sizeBytes;
    if (read) segment.readBytes = segment.sizeBytes;
    segment.lastSeq = parts.at(-1)?.lastSeq ?? segment.lastSeq;
  }

  /** The lines after those read before; empty when all are read, or when a file cannot be read any more. */
  read(): LineRuns[] {
    const segment = this.segments.find((one) => one.readBytes < one.sizeBytes);
    if (!segment) return [];
    const buffer = readBuffer.subarray(0, segment.sizeBytes - segment.readBytes);
    const got = readAt(segment.path, buffer, segment.readBytes);
    if (got === undefined) {
      // It was removed or is damaged, so it is skipped. The log shows what is missing, and new lines go to a new file.
      segment.readBytes = segment.sizeBytes;
      if (segment === this.segments.at(-1)) this.close();
      return [];
    }
    const end = buffer.subarray(0, got).lastIndexOf(NEWLINE) + 1;
    segment.readBytes = end === 0 ? segment.sizeBytes : segment.readBytes + end;
    // A row without an end is only at the end of a file that a crash has cut.
    const parts = rowsIn(buffer.subarray(0, end === 0 ? got : end)).flatMap(linesIn);
    segment.lastSeq = Math.max(segment.lastSeq, parts.at(-1)?.lastSeq ?? 0);
    leaveOutputGarbage(end);
    return parts;
  }

  /** The server has all lines up to `seq`: files that hold no others are removed. */
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
    const path = join(this.dir, `${this.name}.${String(this.nextNumber++).padStart(6, "0")}.lines`);
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

/** Returns how many bytes these are. */
function writePart(fd: number, part: LineRuns): number {
  const row = rowOf(part);
  for (let written = 0; written < row.length; ) written += writeSync(fd, row, written);
  leaveOutputGarbage(row.length);
  return row.length;
}

function leftFiles(dir: string, name: string): string[] {
  return filesIn(dir).filter((file) => file.startsWith(`${name}.`));
}

function filesIn(dir: string): string[] {
  return namesIn(dir)
    .filter((file) => /^\w+\.\d+\.lines$/.test(file))
    .sort();
}

/** The number of bytes read; undefined: the file cannot be read. */
function readAt(path: string, buffer: Buffer, position: number): number | undefined {
  try {
    const fd = openSync(path, "r");
    try {
      return readSync(fd, buffer, 0, buffer.length, position);
    } finally {
      closeSync(fd);
    }
  } catch {
    return undefined; // Whatever the reason, this file cannot be sent, but the files after it can.
  }
}

function numberOf(file: string): number {
  return Number(file.split(".")[1]);
}

function rowsIn(bytes: Buffer): Buffer[] {
  const rows: Buffer[] = [];
  for (let from = 0; from < bytes.length; ) {
    const newline = bytes.indexOf(NEWLINE, from);
    const end = newline === -1 ? bytes.length : newline;
    rows.push(bytes.subarray(from, end));
    from = end + 1;
  }
  return rows;
}
