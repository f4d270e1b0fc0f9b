import { z } from "zod";
import { executionId, jobId } from "./ids.ts";
import { finalJobStatus, jobStatus } from "./job-status.ts";
import { limits } from "./limits.ts";
import { timestamp } from "./timestamp.ts";
import { workflowEvent, workflowRun } from "./workflow-run.ts";

/** `system` lines are the agent's own words about the job (cut lines, signals sent, pull progress). */
export const logStream = z.enum(["stdout", "stderr", "system"]);
export type LogStream = z.infer<typeof logStream>;

/** One line of an execution's output. `seq` counts from 1 over all streams of the execution, without gaps. */
export const logLine = z.object({
  seq: z.int().min(1),
  stream: logStream,
  at: timestamp,
  /** Without the newline. Readers get U+FFFD for bytes that are not UTF-8; a node leaves it empty when it sends `bytes`. */
  text: z.string().max(limits.maxLogLineLength),
  /** Only for a line that is not UTF-8: the exact bytes without the newline, in base64. */
  bytes: z.base64().max(base64Length(limits.maxLogLineLength)).optional(),
  /** Only for a `system` line: output is missing here and is lost for good. */
  lost: z.literal(true).optional(),
  /** No newline followed: this is a piece of a longer line, or the output ended without a newline. */
  partial: z.literal(true).optional(),
});
export type LogLine = z.infer<typeof logLine>;

function base64Length(bytes: number): number {
  return Math.ceil(bytes / 3) * 4;
}

/** The bits of the flags of a packed line. */
export const packedFlags = { partial: 1, bytes: 2, lost: 4 } as const;

/**
 * A line in little: its stream (`o` stdout, `e` stderr, `s` system), time, text, and flags if it has any: 1 partial, 2 the text is
 * base64 of bytes that are not UTF-8, 4 lost.
 */
export const packedLine = z.union([
  z.tuple([z.enum(["o", "e", "s"]), timestamp, z.string()]),
  z.tuple([z.enum(["o", "e", "s"]), timestamp, z.string(), z.int().min(1).max(7)]),
]);
export type PackedLine = z.infer<typeof packedLine>;

/**
 * Lines that were read at once. Like a packed line; or, with a fifth entry, so many lines without flags, with a newline
 * between each two.
 */
export const lineRun = z.tuple([
  z.enum(["o", "e", "s"]),
  timestamp,
  z.string(),
  z.int().min(0).max(7).optional(),
  z.int().min(2).optional(),
]);
export type LineRun = z.infer<typeof lineRun>;

/** Lines of an execution without a hole, as a node sends them. */
export const logBatch = z.object({
  executionId,
  /** Of the first line. */
  seq: z.int().min(1),
  runs: z.array(lineRun).min(1).max(limits.maxLogLinesPerRequest),
});
export type LogBatch = z.infer<typeof logBatch>;

/**
 * The position of a line in the whole log of a job, over all attempts: `<attempt>.<seq>`. It is the SSE event id, so
 * `Last-Event-ID` resumes right after it.
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
    /** The encoding of `bytes`, if present; `text` then lacks some of the output. */
    encoding: z.literal("base64").optional(),
  }),
  /**
   * Only if `packed` was asked for, and then instead of `log`: lines of one execution without a hole, the first of which is
   * `seq`. The id is that of the last.
   */
  lines: z.object({
    executionId,
    attempt: z.int().min(1),
    seq: z.int().min(1),
    lines: z.array(packedLine),
  }),
  /** Comes first if the server no longer has the start of the log: the number of removed lines, and when they were removed. */
  removed: z.object({ lines: z.int().min(1), at: timestamp }),
  /** The job changed its status: queued, assigned, running, or queued again for a retry. */
  status: z.object({ jobId, status: jobStatus, attempt: z.int() }),
  /**
   * `missed` lines were skipped here: the follower was too slow, and the stored log has them; or the follower asked for
   * the whole log, and the server could not get them.
   */
  gap: z.object({ missed: z.int().min(1) }),
  /**
   * Only for a GITHUB_ACTION job: the state of its workflow after the first `from` events, which comes first and whenever
   * something may have been missed; or the events that follow.
   */
  workflow: z.object({
    executionId,
    attempt: z.int().min(1),
    from: z.int().min(0),
    run: workflowRun.optional(),
    events: z.array(workflowEvent).optional(),
  }),
  /** The job is over; the stream ends. */
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

export type WorkflowStreamEvent = z.infer<typeof logEvents.workflow>;
export type LogEventName = keyof typeof logEvents;
export type LogEvent = {
  [Name in LogEventName]: { event: Name; id?: string; data: z.infer<(typeof logEvents)[Name]> };
}[LogEventName];
