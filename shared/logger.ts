import { safeText } from "./terminal-text.ts";

/** The log of a server or an agent, for the person who runs it: one line per call. Never pass secrets, bodies or headers. */
export interface Logger {
  info(message: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(message: string, fields?: Readonly<Record<string, unknown>>): void;
  error(message: string, fields?: Readonly<Record<string, unknown>>): void;
}

/** Writes lines like `2026-01-31T12:00:00.000Z warn the message key=value` with `write`; a field that is undefined is left out. */
export function textLogger(write: (line: string) => void, now: () => number = Date.now): Logger {
  const line =
    (level: string) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}) => {
      let given = message;
      for (const key of Object.keys(fields))
        if (fields[key] !== undefined) given += ` ${key}=${describe(fields[key])}`;
      // Untrusted text must neither control the terminal nor look like a line of ours.
      const text = safeText(given).replaceAll("\n", "\n    ");
      write(`${new Date(now()).toISOString()} ${level} ${text}`);
    };
  return { info: line("info"), warn: line("warn"), error: line("error") };
}

function describe(value: unknown): string {
  if (value instanceof Error) return JSON.stringify(value.stack ?? `${value.name}: ${value.message}`);
  return typeof value === "string" && /^[\w./:@-]+$/.test(value)
    ? value
    : (JSON.stringify(value) ?? "undefined");
}
