import { safeLine } from "../shared/terminal-text.ts";

/** Columns wide enough for what is in them, with a heading; nothing but the heading where there are no rows. */
export function formatTable(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [headings, ...rows.map((row) => row.map(safeLine))];
  // Not Math.max over all of them: a call takes only so many arguments, and a list may be longer.
  const widths = headings.map((_, i) =>
    all.reduce((width, row) => Math.max(width, Bun.stringWidth(row[i] ?? "")), 0),
  );
  return all
    .map((row) =>
      row
        .map((cell, i) => cell + " ".repeat(Math.max(0, (widths[i] ?? 0) - Bun.stringWidth(cell))))
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** `key: value` lines; what is undefined is left out. */
export function formatFields(fields: Readonly<Record<string, unknown>>): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}: ${safeLine(typeof value === "string" ? value : JSON.stringify(value))}`)
    .join("\n");
}

/** `12s`, `5m`, `3h`, `2d` since that time. */
export function formatAge(timestamp: string, nowMs = Date.now()): string {
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(timestamp)) / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}

/** A command as a person would type it, cut where it is long. A container without one runs what its image is made for. */
export function formatCommand(
  command: string | readonly string[] | undefined,
  maxLength = Number.POSITIVE_INFINITY,
): string {
  if (command === undefined) return "(the image's own)";
  const text = typeof command === "string" ? command : command.map(quoted).join(" ");
  const line = safeLine(text);
  return line.length > maxLength ? `${line.slice(0, maxLength - 1)}…` : line;
}

function quoted(word: string): string {
  return /^[A-Za-z0-9_@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
