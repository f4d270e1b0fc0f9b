import type { LogEvent } from "../../sdk/index.ts";

/** Consecutive lines of one execution as they are stored: many lines cost little more than their text. */
export interface PackedLines {
  executionId: string;
  attempt: number;
  /** Of the first line. */
  seq: number;
  lines: readonly PackedLine[];
}

/** Stream (`o`, `e` or `s`), time in ISO 8601, text, and flags: 1 partial, 2 the text is base64, 4 lost. */
export type PackedLine = readonly [stream: string, at: string, text: string, flags?: number];

/** The connection to the server was lost, with the reason as a sentence, or is back. */
export type ConnectionEvent = {
  event: "connection";
  data: { state: "lost"; why: string } | { state: "back" };
};

export type LogSourceEvent = LogEvent | { event: "lines"; id?: string; data: PackedLines } | ConnectionEvent;

/** The log of a job, in order; it ends after `end`, or throws an error that says why there is no more. */
export type LogSource = AsyncIterable<LogSourceEvent>;
