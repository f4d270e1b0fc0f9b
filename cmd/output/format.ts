import { shellWord } from "../../shared/shell-word.ts";
import { safeLine } from "../../shared/terminal-text.ts";
import { type Look, PLAIN } from "./look.ts";
import { joinPainted, type Painted, paint, paintState } from "./paint.ts";

/** `key: value` lines without the undefined values. On a terminal the values are aligned. */
export function formatFields(fields: Readonly<Record<string, unknown>>, look: Look = PLAIN): Painted {
  const shown = Object.entries(fields).filter(([, value]) => value !== undefined);
  const isAligned = look.columns !== undefined;
  const width = isAligned ? shown.reduce((most, [name]) => Math.max(most, name.length), 0) + 2 : 0;
  const lines = shown.map(([name, value]) => {
    const text = safeLine(typeof value === "string" ? value : JSON.stringify(value));
    const space = " ".repeat(Math.max(1, width - name.length - 1));
    return joinPainted(
      [
        paint(`${name}:${space}`, "dim", look),
        isState(name) ? paintState(text, look) : paint(text, undefined, look),
      ],
      "",
    );
  });
  return joinPainted(lines, "\n");
}

function isState(name: string): boolean {
  return name === "status" || name === "state";
}

/** The time since then, as `12s`, `5m`, `3h` or `2d`. */
export function formatAge(timestamp: string, nowMs = Date.now()): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(timestamp)) / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A command as a person would type it. A container without a command runs its image's own. */
export function formatCommand(command: string | readonly string[] | undefined): string {
  if (command === undefined) return "(the image's own)";
  return safeLine(typeof command === "string" ? command : command.map(shellWord).join(" "));
}
