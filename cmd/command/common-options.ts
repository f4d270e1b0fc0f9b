import { z } from "zod";
import { defineOptions, flagOption, optionNumber, optionText } from "../../shared/config/options.ts";
import { durationMs } from "../../shared/duration.ts";

/** Options of every command that can print JSON. */
export const jsonOption = defineOptions({
  json: flagOption("Print JSON; an error is one JSON object on stderr", "Output and waiting"),
});

const upper = () => z.string().transform((text) => text.toUpperCase());

/** `--status`: repeatable, in upper or lower case. */
export function statusOption<Status extends string>(what: string, statuses: readonly Status[]) {
  return {
    kind: "list",
    placeholder: "STATUS",
    schema: () => z.array(upper().pipe(z.enum(statuses, { error: `must be one of ${statuses.join(", ")}` }))),
    help: `Only ${what} with this status: ${statuses.join(", ")}`,
  } as const;
}

export const DEFAULT_LIST_LIMIT = 50;

/** `--limit`; undefined when not given. */
export function limitOption(what: string, defaultText = String(DEFAULT_LIST_LIMIT)) {
  return {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
    defaultText,
    help: `List at most N ${what}`,
  } as const;
}

/** `7d` in seconds, at most `maxSeconds`. `atMost` says how long that is. */
export function lifetimeSeconds(maxSeconds: number, atMost: string) {
  return z.string().transform((text, context) => {
    const seconds = Math.round((durationMs(text) ?? 0) / 1_000);
    if (seconds >= 1 && seconds <= maxSeconds) return seconds;
    context.addIssue({
      code: "custom",
      message: `must be a time of at most ${atMost}, like 90s, 30m, 12h, 7d or 4w`,
    });
    return z.NEVER;
  });
}

/** A day in UTC, or a time with its zone: without a zone it would mean a different moment on every machine. */
const DATE_OR_TIME = /^\d{4}-\d{2}-\d{2}([T ].*(Z|[+-]\d{2}:?\d{2}))?$/i;

/** A time, or how long ago. */
const sinceTime = () =>
  optionText.transform((text, context) => {
    const agoMs = durationMs(text);
    const time = DATE_OR_TIME.test(text) ? text : Number.NaN;
    const date = new Date(agoMs === undefined ? time : Date.now() - agoMs);
    if (!Number.isNaN(date.getTime())) return date.toISOString();
    context.addIssue({
      code: "custom",
      message:
        "must be a time with its zone, like 2026-01-31T12:00:00Z, or how long ago, like 90s, 30m, 2h, 7d or 1w",
    });
    return z.NEVER;
  });

/** `--since`. `help` says what must have happened since then. */
export function sinceOption(help: string) {
  return {
    kind: "value",
    placeholder: "TIME",
    schema: sinceTime,
    help: `${help}: a time like 2026-01-31T12:00:00Z, or how long ago like 30m, 2h, 7d`,
  } as const;
}
