import { closeSync, readSync } from "node:fs";
import { type WorkflowEvent, workflowEvent } from "../../shared/workflow-run.ts";
import type { EventsFile } from "../executors/port/executor.ts";
import { openJobFile } from "../files/job-file.ts";

const CHUNK_BYTES = 256 * 1024;
/** A longer line is not an event of the engine, and is left out. */
const MAX_LINE_BYTES = 4 * 1024 * 1024;

export interface ReadEvent {
  event: WorkflowEvent;
  bytes: number;
}

/** Reads the events that a job appends to its file, from the first on. */
export class EventReader {
  private fd: number | undefined;
  private offset = 0;
  /** The beginning of a line whose end is not there yet. */
  private rest: Buffer[] = [];
  private restBytes = 0;

  constructor(private readonly file: EventsFile) {}

  /**
   * The events that have come since the last call, at least one if there are any, and about `maxBytes`. Throws an Error if
   * the job has put something else in the place of the file.
   */
  next(maxBytes: number): ReadEvent[] {
    this.fd ??= openJobFile(this.file.path, this.file.ownerUid);
    if (this.fd === undefined) return [];
    const found: ReadEvent[] = [];
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    for (let bytes = 0; bytes < maxBytes || found.length === 0; ) {
      const count = readSync(this.fd, chunk, 0, chunk.length, this.offset);
      if (count === 0) break;
      this.offset += count;
      bytes += count;
      found.push(...this.split(chunk.subarray(0, count)));
    }
    return found;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }

  private split(chunk: Buffer): ReadEvent[] {
    const found: ReadEvent[] = [];
    let from = 0;
    for (let end = chunk.indexOf(10); end !== -1; end = chunk.indexOf(10, from)) {
      const line = Buffer.concat([...this.rest, chunk.subarray(from, end)]);
      const isWhole = line.length === this.restBytes + end - from;
      this.rest = [];
      this.restBytes = 0;
      from = end + 1;
      const event = isWhole ? parsed(line) : undefined;
      if (event) found.push({ event, bytes: line.length });
    }
    this.restBytes += chunk.length - from;
    // Of a line that is too long only its length is kept.
    if (this.restBytes > MAX_LINE_BYTES) this.rest = [];
    else if (from < chunk.length) this.rest.push(Buffer.from(chunk.subarray(from)));
    return found;
  }
}

function parsed(line: Buffer): WorkflowEvent | undefined {
  try {
    return workflowEvent.safeParse(JSON.parse(line.toString("utf8"))).data;
  } catch {
    return undefined; // The job wrote to the file itself.
  }
}
