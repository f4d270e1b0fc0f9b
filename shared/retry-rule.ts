import { z } from "zod";
import { type Reason, reasons } from "./reasons.ts";
import { codeOfSignal, signalName } from "./signals.ts";

const problem =
  "must be an exit code from 1 to 255, a range of them as 128-159, a signal as SIGKILL, or a reason as NodeLost";

/** Of `retryOn`, in one way of writing it: `75`, `"128-159"`, `"SIGKILL"` or `"NodeLost"`. */
export const retryRule = z.union([z.number(), z.string()], { error: problem }).transform((value, context) => {
  const rule = ruleOf(String(value).trim());
  if (rule !== undefined) return rule;
  context.addIssue({ code: "custom", message: problem });
  return z.NEVER;
});
export type RetryRule = number | string;

function ruleOf(text: string): RetryRule | undefined {
  if (Object.hasOwn(reasons, text)) return text;
  const isCode = (code: number) => code >= 1 && code <= 255;
  if (/^\d{1,3}$/.test(text)) return isCode(Number(text)) ? Number(text) : undefined;
  const range = rangeOf(text);
  if (range) return isCode(range.first) && isCode(range.last) && range.first <= range.last ? text : undefined;
  return signalName(text);
}

function rangeOf(text: string): { first: number; last: number } | undefined {
  const [, first, last] = /^(\d{1,3})-(\d{1,3})$/.exec(text) ?? [];
  return first === undefined ? undefined : { first: Number(first), last: Number(last) };
}

/** How a command ended, as far as it is known. */
export interface OwnEnd {
  reason?: Reason | undefined;
  exitCode?: number | undefined;
  signal?: string | undefined;
}

/** What `timeout` exits with, and every command here that waited for a job that ran out of time. */
export const TIMEOUT_CODE = 124;

/**
 * The exit code of an end as shells, containers and our own commands show it: 128 + n after signal n, 124 after a
 * timeout; undefined where the command had no end of its own.
 */
export function shownCode({ reason, exitCode, signal }: OwnEnd): number | undefined {
  if (reason !== undefined && reasons[reason].status === "TIMEOUT") return TIMEOUT_CODE;
  // Windows knows larger ones, of which the last eight bits alone would be left, and those may be 0.
  if (exitCode) return exitCode > 0 && exitCode <= 255 ? exitCode : 1;
  return signal === undefined ? undefined : codeOfSignal(signal);
}

/** Whether one of the rules means such an end, by its reason or by the exit code that is shown for it. Pure. */
export function meansEnd(rules: readonly RetryRule[], end: OwnEnd): boolean {
  const code = shownCode(end);
  return rules.some((rule) => {
    if (rule === end.reason) return true;
    if (code === undefined) return false;
    if (typeof rule === "number") return rule === code;
    const range = rangeOf(rule);
    return range ? range.first <= code && code <= range.last : codeOfSignal(rule) === code;
  });
}
