import { safeText } from "../../shared/terminal-text.ts";
import type { Look } from "./look.ts";

declare const painted: unique symbol;

/** Text that is safe for a terminal: control characters in it are neutralised, and the colours are ours. */
export type Painted = string & { readonly [painted]: true };

const codes = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Color = keyof typeof codes;

/** States of jobs, executions, nodes, schedules and fires, and verdicts: good, bad, at work, waiting, over. */
const colorOfState: Readonly<Record<string, Color>> = {
  SUCCESS: "green",
  SUCCEEDED: "green",
  ACTIVE: "green",
  FIRED: "green",
  fits: "green",
  FAILED: "red",
  TIMEOUT: "red",
  LOST: "red",
  OFFLINE: "red",
  never: "red",
  RUNNING: "cyan",
  ASSIGNED: "cyan",
  QUEUED: "yellow",
  DRAINING: "yellow",
  SUSPENDED: "yellow",
  PAUSED: "yellow",
  busy: "yellow",
  unavailable: "yellow",
  CANCELLED: "dim",
  SKIPPED: "dim",
};

/** The text in a colour, if the stream shows colours. */
export function paint(text: string, color: Color | undefined, look: Look): Painted {
  const safe = safeText(text);
  const shown = color && look.color && safe !== "" ? `\u001b[${codes[color]}m${safe}\u001b[0m` : safe;
  return shown as Painted;
}

/** The word for a state in its colour. The word alone says everything. */
export function paintState(word: string, look: Look): Painted {
  return paint(word, Object.hasOwn(colorOfState, word) ? colorOfState[word] : undefined, look);
}

export function joinPainted(parts: readonly Painted[], between: string): Painted {
  return parts.join(between) as Painted;
}
