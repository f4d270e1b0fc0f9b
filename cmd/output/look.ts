import type { Env } from "../../shared/config/home.ts";
import { isTerminal } from "../input/is-terminal.ts";

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
  const isShown = isTerminal(stream === "stdout" ? 1 : 2);
  const { FORCE_COLOR: force, NO_COLOR: without, TERM: term } = env;
  const color = force ? !["0", "false"].includes(force) : isShown && !without && term !== "dumb";
  return { columns: isShown ? columnsOf(stream, env) : undefined, color };
}

function columnsOf(stream: "stdout" | "stderr", env: Env): number {
  const given = Number(env.COLUMNS);
  if (Number.isInteger(given) && given > 0) return given;
  // A terminal without a known size, such as a serial line, reports 0.
  return process[stream].columns || DEFAULT_COLUMNS;
}
