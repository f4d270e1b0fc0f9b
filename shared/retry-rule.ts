import { z } from "zod";
import { once } from "./once.ts";
import { type Reason, reasons } from "./reasons.ts";
import { codeOfSignal, signalName } from "./signals.ts";

const problem =
  "must be an exit code from 1 to 255, a range such as 128-159, a signal such as SIGKILL, or a reason such as NodeLost";

/** A rule of `retryOn` in its canonical form: `75`, `"128-159"`, `"SIGKILL"` or `"NodeLost"`. */
export const retryRule = once(() =>
  z.union([z.number(), z.string()], { error: problem }).transform((value, context) => {
    const rule = ruleOf(String(value).trim());
    if (rule !== undefined) return rule;
    context.addIssue({ code: "custom", message: problem });
    return z.NEVER;
  }),
);
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

/** How a command ended, as far as known. */
export interface OwnEnd {
  reason?: Reason | undefined;
  exitCode?: number | undefined;
  signal?: string | undefined;
}

/** The exit code of `timeout`, and of our commands that waited for a job that timed out. */
export const TIMEOUT_CODE = 124;

/**
 * The exit code that shells, containers and our own commands show for an end: 128 + n after signal n, 124 after a
 * timeout; undefined if the command did not end by itself.
 */
export function shownCode({ reason, exitCode, signal }: OwnEnd): number | undefined {
  if (reason !== undefined && reasons[reason].status === "TIMEOUT") return TIMEOUT_CODE;
  // Windows has larger codes; cut to eight bits, they could become 0.
  if (exitCode) return exitCode > 0 && exitCode <= 255 ? exitCode : 1;
  return signal === undefined ? undefined : codeOfSignal(signal);
}

/** Whether a rule matches the end, by its reason or by its shown exit code. Pure. */
export function matchesEnd(rules: readonly RetryRule[], end: OwnEnd): boolean {
  const code = shownCode(end);
  return rules.some((rule) => {
    if (rule === end.reason) return true;
    if (code === undefined) return false;
    if (typeof rule === "number") return rule === code;
    const range = rangeOf(rule);
    return range ? range.first <= code && code <= range.last : codeOfSignal(rule) === code;
  });
}
