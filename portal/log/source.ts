import type { LogEvent } from "../../sdk/index.ts";

/** Consecutive lines of one execution as they are stored: many lines cost little more than their text. */
export type PackedLines = Extract<LogEvent, { event: "lines" }>["data"];
export type PackedLine = PackedLines["lines"][number];

/** The connection to the server was lost, with the reason as a sentence, or is back. */
export type ConnectionEvent = {
  event: "connection";
  data: { state: "lost"; why: string } | { state: "back" };
};

export type LogSourceEvent = LogEvent | ConnectionEvent;

/** The log of a job, in order; it ends after `end`, or throws an error that says why there is no more. */
export type LogSource = AsyncIterable<LogSourceEvent>;
