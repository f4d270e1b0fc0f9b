import type { FinalJobStatus, JobStatus } from "../../shared/job-state.ts";
import type { LogEvent, LogLine } from "../../shared/log.ts";
import type { LiveBatch } from "./log-hub.ts";
import type { StoredLine } from "./log-store.ts";

/** The events of a live batch; made once for all its followers. */
export function liveEvents(batch: LiveBatch): LogEvent[] {
  let events = eventsOfBatch.get(batch);
  if (!events) {
    events = batch.lines.map((line) => lineEvent(line, batch.executionId, batch.attempt));
    eventsOfBatch.set(batch, events);
  }
  return events;
}

const eventsOfBatch = new WeakMap<LiveBatch, LogEvent[]>();

export function lineEvents(lines: readonly StoredLine[]): LogEvent[] {
  return lines.map((line) => lineEvent(line, line.executionId, line.attempt));
}

function lineEvent(line: LogLine, executionId: string, attempt: number): LogEvent {
  const { seq, stream, at, text, partial } = line;
  return {
    event: "log",
    id: `${attempt}.${seq}`,
    data: { seq, stream, at, text, partial, executionId, attempt },
  };
}

export function statusEvent(jobId: string, status: JobStatus, attempt: number): LogEvent {
  return { event: "status", data: { jobId, status, attempt } };
}

export function gapEvent(missed: number): LogEvent {
  return { event: "gap", data: { missed } };
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
