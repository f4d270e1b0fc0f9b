import { z } from "zod";
import { timestamp } from "./execution.ts";
import { executionId, jobId } from "./ids.ts";
import { finalJobStatus, jobStatus } from "./job-state.ts";
import { limits } from "./limits.ts";

/** `system` lines are the agent's own words about the job (cut lines, signals sent, pull progress). */
export const logStream = z.enum(["stdout", "stderr", "system"]);
export type LogStream = z.infer<typeof logStream>;

/** One line of an execution's output. `seq` counts from 1 over all streams of the execution, without gaps. */
export const logLine = z.object({
  seq: z.int().min(1),
  stream: logStream,
  at: timestamp,
  /** Without the newline. A reader finds U+FFFD in it for what is not UTF-8; a node leaves it empty where it sends `bytes`. */
  text: z.string().max(limits.maxLogLineLength),
  /** Of a line that is not UTF-8: exactly what was written, without the newline, in base64. */
  bytes: z.base64().max(base64Length(limits.maxLogLineLength)).optional(),
  /** Only of a `system` line: a part of the output is missing here, and nobody has it. */
  lost: z.literal(true).optional(),
  /** No newline followed: a piece of a longer line, or output that ended without one. */
  partial: z.literal(true).optional(),
});
export type LogLine = z.infer<typeof logLine>;

/** What a line shows: its text, with U+FFFD for what is not UTF-8. */
export function shownText({ text, bytes }: Pick<LogLine, "text" | "bytes">): string {
  return bytes === undefined ? text : Buffer.from(bytes, "base64").toString("utf8");
}

/** About how many characters a line takes in memory and in a request. */
export function lineLength({ text, bytes }: Pick<LogLine, "text" | "bytes">): number {
  return text.length + (bytes?.length ?? 0);
}

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

export const logBatch = z.object({
  executionId,
  lines: z.array(logLine).min(1).max(limits.maxLogLinesPerRequest),
});
export type LogBatch = z.infer<typeof logBatch>;

/**
 * The place of a line in the whole log of a job, over all attempts: `<attempt>.<seq>`. It is the SSE event id, so
 * `Last-Event-ID` resumes right behind it.
 */
export const logCursor = z
  .string()
  .regex(/^\d{1,9}\.\d{1,15}$/, { error: "must be <attempt>.<seq>, as in the id of a log event" });

/** The events of a job's log stream, by their SSE event names. */
export const logEvents = {
  /** A line of output. */
  log: logLine.extend({
    executionId,
    attempt: z.int().min(1),
    /** How `bytes` is written, where there is one; the text is then not all there was. */
    encoding: z.literal("base64").optional(),
  }),
  /** Comes first where the server no longer keeps the beginning of the log: so many lines, removed then. */
  removed: z.object({ lines: z.int().min(1), at: timestamp }),
  /** The job moved: queued, assigned, running, queued again for a retry. */
  status: z.object({ jobId, status: jobStatus, attempt: z.int() }),
  /**
   * `missed` lines were left out here. This follower was too slow, and the stored log has them; or it asked for the whole
   * log, and the server could not get them.
   */
  gap: z.object({ missed: z.int().min(1) }),
  /** The job is over, the stream ends. */
  end: z.object({
    jobId,
    status: finalJobStatus,
    attempt: z.int(),
    exitCode: z.int().optional(),
    signal: z.string().optional(),
    reason: z.string().optional(),
    message: z.string().optional(),
  }),
} as const;

export type LogEventName = keyof typeof logEvents;
export type LogEvent = {
  [Name in LogEventName]: { event: Name; id?: string; data: z.infer<(typeof logEvents)[Name]> };
}[LogEventName];
