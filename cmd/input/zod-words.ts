import { z } from "zod";

type RawIssue = z.core.$ZodRawIssue;

const kinds: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  array: "a list",
  object: "an object with fields",
  record: "an object with fields",
};
const units: Readonly<Record<string, string>> = { string: "character", array: "item", set: "item" };

/** Replaces zod's default messages in this process. A message that a schema gives itself stays. */
export function useOwnWords(): void {
  z.config({ localeError: expectation });
}

/**
 * From now on, new schemas are not compiled at their first use: that takes a command longer than checking the few values
 * that it has.
 */
export function checkFewValues(): void {
  z.config({ jitless: true });
}

/** What a value must be, as a clause that follows the name of its field. */
export function expectation(issue: RawIssue): string {
  if (issue.input === undefined && (issue.code === "invalid_type" || issue.code === "invalid_value")) {
    return "is missing";
  }
  switch (issue.code) {
    case "invalid_type":
      return `must be ${kinds[issue.expected] ?? `of type ${issue.expected}`}`;
    case "invalid_value":
      return `must be ${issue.values.length === 1 ? "" : "one of "}${issue.values.join(", ")}`;
    case "too_small":
      return bound(issue.origin, issue.inclusive === false ? "more than" : "at least", issue.minimum);
    case "too_big":
      return bound(issue.origin, issue.inclusive === false ? "less than" : "at most", issue.maximum);
    default:
      return "is not valid";
  }
}

function bound(origin: string, howMuch: string, amount: number | bigint): string {
  const unit = units[origin];
  if (unit === undefined) return `must be ${howMuch} ${amount}`;
  if (howMuch === "at least" && Number(amount) === 1) return "must not be empty";
  return `must have ${howMuch} ${amount} ${unit}${Number(amount) === 1 ? "" : "s"}`;
}
