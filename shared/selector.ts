import { z } from "zod";
import type { Labels } from "./labels.ts";
import { once } from "./once.ts";
import { own } from "./own.ts";
import { type Condition, readCondition, SelectorError, SelectorReader } from "./selector-reader.ts";
import { compareValues } from "./version-order.ts";

export { type Condition, SelectorError } from "./selector-reader.ts";

const MAX_SELECTOR_LENGTH = 4_096;
const MAX_CONDITIONS = 100;

/**
 * Kubernetes-style label selectors, with comparisons of numbers and versions:
 * `gpu.vendor=nvidia,gpu.memoryMb>=24000,os in (linux,darwin),!spot`. As in Kubernetes, `!=` and `notin` also hold
 * for a node without the label. A comparison holds only for a label that can be compared; see `compareValues`. A value with
 * blanks, commas, brackets, quotes or operators of other languages must be quoted: `gpu.model="NVIDIA L4"`. In quotes a
 * backslash escapes a quote or a backslash.
 * Throws SelectorError with the column. Ambiguous selectors and selectors no node can meet are errors too, except if
 * `stored`, because older releases accepted them.
 */
export function parseSelector(text: string, { stored = false } = {}): Condition[] {
  const conditions: Condition[] = [];
  const reader = new SelectorReader(text, stored);
  if (reader.atEnd()) return conditions;
  for (;;) {
    conditions.push(readCondition(reader));
    if (conditions.length > MAX_CONDITIONS) throw reader.error(`more than ${MAX_CONDITIONS} conditions`);
    if (!reader.atEnd()) {
      reader.expectComma();
      continue;
    }
    const conflict = stored ? undefined : conflictIn(conditions);
    if (conflict) throw new SelectorError(`the selector can never be met: ${conflict}`);
    return conditions;
  }
}

/** Two conditions no node can meet together, in words. */
function conflictIn(conditions: readonly Condition[]): string | undefined {
  for (const [key, ofKey] of Map.groupBy(conditions, (condition) => condition.key)) {
    const absent = ofKey.find((condition) => condition.operator === "!");
    const present = ofKey.find((condition) => !["!", "!=", "notin"].includes(condition.operator));
    if (absent && present) return `${formatCondition(present)} needs the label that !${key} forbids`;
    const [lower, upper] = emptyRange(key, ofKey) ?? [];
    if (lower && upper)
      return `no value of ${key} is both ${formatCondition(lower)} and ${formatCondition(upper)}`;
    const wanted = ofKey.filter((condition) => condition.operator === "=" || condition.operator === "in");
    const possible = wanted.flatMap((condition) =>
      "values" in condition ? condition.values : "value" in condition ? [condition.value] : [],
    );
    if (
      possible.length === 0 ||
      possible.some((value) => ofKey.every((condition) => holds(condition, value)))
    )
      continue;
    const [first, second] = ofKey.filter((condition) => condition.operator !== "exists").map(formatCondition);
    if (second === undefined) continue;
    const either = `${key} in (${[...new Set(possible)].map(formatValue).join(",")})`;
    return `no value of ${key} is both ${first} and ${second}; to accept either, write ${either}`;
  }
  return undefined;
}

/** Two comparisons with no value between them. */
function emptyRange(key: string, ofKey: readonly Condition[]): [Condition, Condition] | undefined {
  for (const lower of ofKey) {
    if (lower.operator !== ">" && lower.operator !== ">=") continue;
    for (const upper of ofKey) {
      if (upper.operator !== "<" && upper.operator !== "<=") continue;
      const order = compareValues(key, lower.value, upper.value);
      const hasBoth = lower.operator === ">=" && upper.operator === "<=";
      if (order > 0 || (order === 0 && !hasBoth)) return [lower, upper];
    }
  }
  return undefined;
}

/** The first condition the labels do not meet, in words; undefined if they meet all. Pure. */
export function unmetCondition(conditions: readonly Condition[], labels: Labels): string | undefined {
  for (const condition of conditions) {
    const found = own(labels, condition.key);
    if (!holds(condition, found)) return describeUnmet(condition, found);
  }
  return undefined;
}

/** A selector as a field of a manifest: text that parses. */
export const selector = once(() =>
  z
    .string()
    .max(MAX_SELECTOR_LENGTH)
    .superRefine((text, context) => {
      try {
        parseSelector(text);
      } catch (error) {
        if (!(error instanceof SelectorError)) throw error;
        context.addIssue({ code: "custom", message: error.message });
      }
    }),
);

function holds(condition: Condition, found: string | undefined): boolean {
  switch (condition.operator) {
    case "exists":
      return found !== undefined;
    case "!":
      return found === undefined;
    case "=":
      return found === condition.value;
    case "!=":
      return found !== condition.value;
    case "in":
      return found !== undefined && condition.values.includes(found);
    case "notin":
      return found === undefined || !condition.values.includes(found);
    default:
      return compares(condition, found);
  }
}

type Comparison = Extract<Condition, { value: string }>;

function compares({ operator, key, value }: Comparison, found: string | undefined): boolean {
  const order = found === undefined ? Number.NaN : compareValues(key, found.trim(), value);
  if (operator === ">") return order > 0;
  if (operator === ">=") return order >= 0;
  return operator === "<" ? order < 0 : order <= 0;
}

function describeUnmet(condition: Condition, found: string | undefined): string {
  const wanted = formatCondition(condition);
  if (condition.operator === "!") return `it has the label ${condition.key} (the job asks for ${wanted})`;
  if (found === undefined) return `it has no label ${condition.key} (the job asks for ${wanted})`;
  return `its label is ${condition.key}=${found} (the job asks for ${wanted})`;
}

/** As a person would write it. */
export function formatCondition(condition: Condition): string {
  switch (condition.operator) {
    case "exists":
      return condition.key;
    case "!":
      return `!${condition.key}`;
    case "in":
    case "notin":
      return `${condition.key} ${condition.operator} (${condition.values.map(formatValue).join(",")})`;
    default:
      return `${condition.key}${condition.operator}${formatValue(condition.value)}`;
  }
}

function formatValue(value: string): string {
  return /[,()\s"']/.test(value) ? `"${value.replace(/["\\]/g, "\\$&")}"` : value;
}
