import { z } from "zod";
import { durationMs } from "./duration.ts";
import { once } from "./once.ts";

const problem = "must be a time such as 2026-01-31T12:00:00Z, or a delay such as +90s, +10m, +2h or +1d";
const MAX_MS = 10 * 366 * 86_400_000;
const isTime = once(() => z.iso.datetime({ offset: true }));

/** `+10m` in milliseconds; a number without a unit is seconds. Undefined for any other text. */
export function relativeMs(text: string): number | undefined {
  if (!text.startsWith("+")) return undefined;
  const duration = text.slice(1);
  return durationMs(/\d$/.test(duration) ? `${duration}s` : duration);
}

/** The time, in epoch milliseconds, of a text that `startTime` accepted. */
export function startTimeMs(text: string, nowMs: number): number {
  const ms = relativeMs(text);
  return ms === undefined ? Date.parse(text) : nowMs + ms;
}

/**
 * A time, converted to UTC, or `+` and a duration that counts from the submit. A duration stays as written, so a repeated
 * request is the same request at any time.
 */
export const startTime = once(() =>
  z.string({ error: problem }).transform((text, context) => {
    const ms = relativeMs(text);
    if (ms !== undefined && ms <= MAX_MS) return text;
    if (isTime().safeParse(text).success) return new Date(text).toISOString();
    const message = ms === undefined ? problem : "must be at most 10 years from now";
    context.addIssue({ code: "custom", message });
    return z.NEVER;
  }),
);
