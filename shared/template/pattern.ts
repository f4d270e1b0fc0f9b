import { parsePattern, type Step } from "./pattern-parser.ts";

export { PatternError } from "./pattern-parser.ts";

/** A longer value is refused where there is a pattern, so that matching has a bound. */
export const MAX_MATCHED_LENGTH = 4_096;

/**
 * A regular expression that a whole value must match. Everybody may write one, and it runs in the server, so it is
 * matched by walking all its states at once: the time grows with the length of the value times the size of the
 * pattern, whatever they are. That leaves out back references and looking around.
 */
export class Pattern {
  private readonly steps: readonly Step[];

  /** Throws PatternError. */
  constructor(source: string) {
    this.steps = parsePattern(source);
  }

  /** Whether the whole of `value` is what the pattern describes. */
  matches(value: string): boolean {
    let current = this.closure([0]);
    for (const character of value) {
      const code = character.codePointAt(0) ?? 0;
      const next: number[] = [];
      for (const at of current) {
        const step = this.steps[at];
        if (step?.kind === "character" && step.accepts(code)) next.push(at + 1);
      }
      if (next.length === 0) return false;
      current = this.closure(next);
    }
    return current.has(this.steps.length);
  }

  /** Every state that can be reached from these without a character. */
  private closure(states: readonly number[]): Set<number> {
    const reached = new Set<number>();
    const open = [...states];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      if (reached.has(at)) continue;
      reached.add(at);
      const step = this.steps[at];
      if (step?.kind === "jump") open.push(...step.to.map((by) => at + by));
    }
    return reached;
  }
}
