import { fstatSync } from "node:fs";
import type { Env } from "../../shared/config/home.ts";

/** What the reader of a stream can see. */
export interface Look {
  /** The terminal's width; undefined if the stream is not a terminal: then nothing is cut. */
  readonly columns: number | undefined;
  readonly color: boolean;
}

/** A pipe or a file. */
export const PLAIN: Look = { columns: undefined, color: false };

const DEFAULT_COLUMNS = 80;

/**
 * The width and colours of a stream. COLUMNS wins over the width that the terminal reports. Only terminals get colours:
 * NO_COLOR and TERM=dumb turn them off. FORCE_COLOR turns them on for any stream and wins over both; FORCE_COLOR=0 acts
 * like NO_COLOR.
 */
export function lookOf(stream: "stdout" | "stderr", env: Env): Look {
  const isTerminal = isTerminalAt(stream);
  const { FORCE_COLOR: force, NO_COLOR: without, TERM: term } = env;
  const color = force ? !["0", "false"].includes(force) : isTerminal && !without && term !== "dumb";
  return { columns: isTerminal ? columnsOf(stream, env) : undefined, color };
}

function isTerminalAt(stream: "stdout" | "stderr"): boolean {
  try {
    // Loading the stream takes 9 ms, so only do it if it may be a terminal.
    return fstatSync(stream === "stdout" ? 1 : 2).isCharacterDevice() && process[stream].isTTY === true;
  } catch {
    return false; // The stream is closed.
  }
}

function columnsOf(stream: "stdout" | "stderr", env: Env): number {
  const given = Number(env.COLUMNS);
  if (Number.isInteger(given) && given > 0) return given;
  // A terminal without a known size, such as a serial line, reports 0.
  return process[stream].columns || DEFAULT_COLUMNS;
}
