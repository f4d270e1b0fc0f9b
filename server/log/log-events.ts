import type { FinalJobStatus, JobStatus } from "../../shared/job-state.ts";
import type { LogEvent, LogLine } from "../../shared/log.ts";
import { shownText } from "../../shared/log-text.ts";
import { joinPacked, packLines, splitPacked, unpackLines } from "../../shared/packed-lines.ts";
import { JsonText, type StreamEvent } from "../http/handler.ts";
import type { LiveBatch } from "./log-hub.ts";
import type { PackedBatch, RemovedLog, StoredLine } from "./log-store.ts";

export type LineEvent = Extract<LogEvent, { event: "log" }>;

/** The events of a live batch, made once for all followers. */
export function liveEvents(batch: LiveBatch): LineEvent[] {
  let events = eventsOfBatch.get(batch);
  if (!events) {
    events = unpackLines(batch).map((line) => lineEvent(line, batch.executionId, batch.attempt));
    eventsOfBatch.set(batch, events);
  }
  return events;
}

const eventsOfBatch = new WeakMap<LiveBatch, LineEvent[]>();

export function lineEvents(lines: readonly StoredLine[]): LineEvent[] {
  return lines.map((line) => lineEvent(line, line.executionId, line.attempt));
}

/** A packed event is at most about this long; readers refuse events of 16 Mi characters. */
const MAX_PACKED_CHARS = 1024 * 1024;

/** The lines of stored batches, passed on as they are stored. */
export function packedEvents(batches: readonly PackedBatch[]): StreamEvent[] {
  return joinPacked(batches, MAX_PACKED_CHARS, isSameExecution).flatMap((batch) => {
    const { executionId, attempt } = batch;
    return splitPacked(batch, MAX_PACKED_CHARS).map(({ firstSeq, lastSeq, lines }): StreamEvent => {
      const head = JSON.stringify({ executionId, attempt, seq: firstSeq });
      const data = new JsonText(`${head.slice(0, -1)},"lines":${lines}}`);
      return { event: "lines", id: `${attempt}.${lastSeq}`, data };
    });
  });
}

function isSameExecution(first: PackedBatch, second: PackedBatch): boolean {
  return first.executionId === second.executionId;
}

/** Single lines as packed events; lines that do not follow one another become events of their own. */
export function packedLineEvents(lines: readonly StoredLine[]): StreamEvent[] {
  const batches = lines.map((line): PackedBatch => {
    const { executionId, attempt } = line;
    return { executionId, attempt, ...packLines([line]) };
  });
  return packedEvents(batches);
}

/** The same for a live batch, made once for all followers. */
export function packedLiveEvents(batch: LiveBatch): StreamEvent[] {
  let events = packedOfBatch.get(batch);
  if (!events) {
    events = packedEvents([batch]);
    packedOfBatch.set(batch, events);
  }
  return events;
}

const packedOfBatch = new WeakMap<LiveBatch, StreamEvent[]>();

function lineEvent(line: LogLine, executionId: string, attempt: number): LineEvent {
  const { seq, stream, at, text, bytes, partial, lost } = line;
  const id = `${attempt}.${seq}`;
  if (bytes === undefined) {
    return { event: "log", id, data: { seq, stream, at, text, partial, lost, executionId, attempt } };
  }
  const shown = { text: shownText(line), encoding: "base64", bytes } as const;
  return { event: "log", id, data: { seq, stream, at, ...shown, partial, executionId, attempt } };
}

export function statusEvent(jobId: string, status: JobStatus, attempt: number): LogEvent {
  return { event: "status", data: { jobId, status, attempt } };
}

export function gapEvent(missed: number): LogEvent {
  return { event: "gap", data: { missed } };
}

export function removedEvent({ lines, atMs }: RemovedLog): LogEvent {
  return { event: "removed", data: { lines, at: new Date(atMs).toISOString() } };
}

export function endEvent(
  jobId: string,
  job: {
    status: FinalJobStatus;
    attempt: number;
    exitCode?: number;
    signal?: string;
    reason?: string;
    message?: string;
  },
): LogEvent {
  const { status, attempt, exitCode, signal, reason, message } = job;
  return { event: "end", data: { jobId, status, attempt, exitCode, signal, reason, message } };
}
