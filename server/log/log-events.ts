import type { FinalJobStatus, JobStatus } from "../../shared/job-state.ts";
import type { LogEvent, LogLine } from "../../shared/log.ts";
import { shownText } from "../../shared/log-text.ts";
import type { LiveBatch } from "./log-hub.ts";
import type { RemovedLog, StoredLine } from "./log-store.ts";

export type LineEvent = Extract<LogEvent, { event: "log" }>;

/** The events of a live batch, made once for all followers. */
export function liveEvents(batch: LiveBatch): LineEvent[] {
  let events = eventsOfBatch.get(batch);
  if (!events) {
    events = batch.lines.map((line) => lineEvent(line, batch.executionId, batch.attempt));
    eventsOfBatch.set(batch, events);
  }
  return events;
}

const eventsOfBatch = new WeakMap<LiveBatch, LineEvent[]>();

export function lineEvents(lines: readonly StoredLine[]): LineEvent[] {
  return lines.map((line) => lineEvent(line, line.executionId, line.attempt));
}

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
