import { readFileSync } from "node:fs";
import { z } from "zod";
import { issuesOf } from "../../../shared/issues.ts";
import { LinePattern } from "./line-pattern.ts";

const FIELDS = ["file", "line", "column", "severity", "code", "message", "fromPath"] as const;
type Field = (typeof FIELDS)[number];
/** What a matcher found in one or several lines. */
export type Found = Partial<Record<Field, string>>;

const group = z.int().min(0).nullish();
const pattern = z.object({
  regexp: z.string().default(""),
  ...(Object.fromEntries(FIELDS.map((field) => [field, group])) as Record<Field, typeof group>),
  loop: z.boolean().nullish(),
});
const matcher = z.object({
  owner: z.string().min(1, { error: "Owner must not be empty" }),
  severity: z.string().nullish(),
  pattern: z.array(pattern).min(1, { error: "a matcher does not contain any patterns" }),
});
const matchersFile = z.object({ problemMatcher: z.array(matcher).nullish() });
type PatternConfig = z.infer<typeof pattern>;

/** Finds problems in the output of steps: `problemMatcher` of a file that `::add-matcher::` names. */
export interface MatcherConfig {
  owner: string;
  severity: string;
  patterns: readonly (PatternConfig & { compiled: LinePattern })[];
}

/** Throws an Error for people if the file cannot be used. */
export function readMatchers(file: string): MatcherConfig[] {
  const text = readFileSync(file, "utf8").replace(/^\uFEFF/, "");
  const parsed = matchersFile.safeParse(JSON.parse(text));
  if (!parsed.success) {
    const [issue] = issuesOf(parsed.error);
    throw new Error(`${file}: ${issue?.path.join(".")}: ${issue?.message}`);
  }
  const owners = new Set<string>();
  return (parsed.data.problemMatcher ?? []).map((config) => {
    const key = config.owner.toLowerCase();
    if (owners.has(key)) throw new Error(`Duplicate owner name '${config.owner}'`);
    owners.add(key);
    return checked(config);
  });
}

function checked({ owner, severity, pattern: patterns }: z.infer<typeof matcher>): MatcherConfig {
  if (!["", "error", "warning", "notice"].includes((severity ?? "").toLowerCase())) {
    throw new Error(`Matcher '${owner}' contains unexpected default severity '${severity}'`);
  }
  const set = new Set<Field>();
  const compiled = patterns.map((one, index) => {
    if (one.loop && (index === 0 || index < patterns.length - 1)) {
      throw new Error("Only the last pattern in a multiline matcher may set 'loop'");
    }
    if (one.loop && one.message == null) throw new Error("The loop pattern must set 'message'");
    const regexp = new LinePattern(one.regexp);
    for (const field of FIELDS) {
      const at = one[field];
      if (at == null) continue;
      if (set.has(field)) throw new Error(`The property '${field}' is set twice`);
      if (at > regexp.groups) {
        throw new Error(`The property '${field}' is set to ${at} which is out of range`);
      }
      set.add(field);
    }
    return { ...one, compiled: regexp };
  });
  if (!set.has("message")) throw new Error("At least one pattern must set 'message'");
  return { owner, severity: severity ?? "", patterns: compiled };
}

/** A matcher on one stream of lines. */
export class ProblemMatcher {
  /** What all patterns but the last found so far. */
  private state: (Found | undefined)[] = [];

  constructor(readonly config: MatcherConfig) {}

  reset(): void {
    this.state = [];
  }

  /** Throws PatternTimeout if a pattern takes too long for this line. */
  match(line: string): Found | undefined {
    const { patterns, severity } = this.config;
    const last = patterns.length - 1;
    for (let i = last; i >= 0; i--) {
      const before = this.state[i - 1];
      const one = patterns[i];
      if (!one || (i > 0 && !before)) continue;
      const groups = one.compiled.match(line);
      if (i < last) this.state[i] = groups && foundBy(one, groups, before);
      else if (groups) {
        this.reset();
        if (one.loop) this.state[i - 1] = before;
        const found = foundBy(one, groups, before);
        return { ...found, severity: found.severity || severity };
      } else if (i > 0) this.state[i - 1] = undefined;
    }
    return undefined;
  }
}

function foundBy(by: PatternConfig, groups: readonly string[], before: Found | undefined): Found {
  const found: Found = {};
  for (const field of FIELDS) {
    const at = by[field];
    const value = before?.[field] ?? (at == null ? undefined : groups[at]);
    if (value !== undefined) found[field] = value;
  }
  return found;
}
