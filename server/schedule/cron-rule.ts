import { Cron, CronPattern } from "croner";
import { asClause } from "../../shared/clause.ts";
import { ComputeError } from "../../shared/errors.ts";
import { CronFieldError, spellOut } from "./cron-fields.ts";
import { describePattern } from "./cron-words.ts";
import { midnightGaps } from "./midnight-gaps.ts";

/** A rule with more fires per hour fires more than once in 10 s on average. */
const OFTEN_PER_HOUR = 360;
const OFTEN_PER_DAY = 1_000;
const SOON_MS = 5 * 366 * 24 * 3_600_000;

/**
 * When a rule fires: five fields, or six with the seconds first, in local time of a zone.
 *
 * When clocks change, a rule whose seconds, minutes and hours are all plain numbers, lists or ranges follows the local
 * day: a time that the day skips fires at the first instant after the gap, and a time that comes twice fires only the
 * first time. Any other rule follows real time: it fires at every instant whose local time matches. Vixie's cron did
 * this already, and people expect it of "02:30 every night" and "every 15 minutes".
 */
export class CronRule {
  private readonly pattern: CronPattern;
  private readonly cron: Cron;
  /** The same rule on wall clock times, read as if they were UTC. */
  private readonly wall: Cron;

  /** @param text in the spelling of `spellOut`. Throws what croner throws. */
  private constructor(
    text: string,
    private readonly timeZone: string,
  ) {
    const options = { mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" } as const;
    this.pattern = new CronPattern(text, timeZone, options);
    this.cron = new Cron(text, { ...options, timezone: timeZone, paused: true });
    this.wall = new Cron(text, { ...options, timezone: "UTC", paused: true });
  }

  /** Throws ComputeError `invalid_request` that names the field. */
  static parse(rule: string, timeZone: string): CronRule {
    checkTimeZone(timeZone);
    try {
      return new CronRule(spellOut(rule.trim()), timeZone);
    } catch (error) {
      if (error instanceof CronFieldError) throw refusal("cron", error.message);
      throw refusal(
        "cron",
        `is not a cron rule: ${asClause((error as Error).message.replace(/^Cron\w+: /, ""))}`,
      );
    }
  }

  /** The first due time after `ms`, in epoch milliseconds; undefined if the rule never fires again. */
  nextAfter(ms: number): number | undefined {
    const next = this.cron.nextRun(new Date(ms))?.getTime();
    return this.leftOut(ms, next ?? Number.POSITIVE_INFINITY)[0] ?? next;
  }

  next(count: number, afterMs: number): number[] {
    const dueMs: number[] = [];
    for (let at = this.nextAfter(afterMs); at !== undefined; at = this.nextAfter(at)) {
      if (dueMs.push(at) === count) break;
    }
    return dueMs;
  }

  /**
   * The same for people, who do not ask what happens in a century: the first due time after `afterMs`, and at most
   * `count` with it, up to five years later than it. The farther ahead croner looks, the longer it takes.
   */
  soon(count: number, afterMs: number, untilMs = Number.POSITIVE_INFINITY): number[] {
    const dueMs: number[] = [];
    let lastMs = untilMs;
    for (let at = this.nextAfter(afterMs); at !== undefined && at <= lastMs; at = this.nextAfter(at)) {
      if (dueMs.push(at) === count) break;
      if (dueMs.length === 1) lastMs = Math.min(untilMs, at + SOON_MS);
    }
    return dueMs;
  }

  /**
   * The due times from `firstMs`, which must be a due time, to `untilMs`; oldest first. If there are more than `max`, only
   * the latest and `isCut`: a server that was off for years may have missed millions.
   */
  dueBetween(firstMs: number, untilMs: number, max: number): { dueMs: number[]; isCut: boolean } {
    const dueMs: number[] = [];
    for (
      let due: number | undefined = firstMs;
      due !== undefined && due <= untilMs;
      due = this.nextAfter(due)
    ) {
      if (dueMs.length === max) return { dueMs: this.latest(max, untilMs), isCut: true };
      dueMs.push(due);
    }
    return { dueMs, isCut: false };
  }

  /** The rule as a person would say it. */
  get words(): string {
    return describePattern(this.pattern);
  }

  /** What a person should know before it fires. */
  get warnings(): string[] {
    const { second, minute, hour } = this.pattern;
    const perHour = sum(second) * sum(minute);
    const perDay = perHour * sum(hour);
    if (perHour <= OFTEN_PER_HOUR && perDay <= OFTEN_PER_DAY) return [];
    const often = perHour > OFTEN_PER_HOUR ? `${perHour} times an hour` : `${perDay} times a day`;
    return [
      `This rule fires ${often}. If you did not mean that, check its first fields: five fields begin with the minute.`,
    ];
  }

  private latest(max: number, untilMs: number): number[] {
    // Croner gives runs before an instant; the extra millisecond includes a run at `untilMs` itself.
    const runs = this.cron.previousRuns(max, new Date(untilMs + 1)).map((date) => date.getTime());
    const leftOut = this.leftOut(Math.min(...runs, untilMs), untilMs);
    return [...new Set([...runs, ...leftOut])].sort((a, b) => a - b).slice(-max);
  }

  /** Croner loses a time in a gap that ends on the next day, as in Nuuk. Returns the ends of such gaps. */
  private leftOut(afterMs: number, untilMs: number): number[] {
    if (!this.pattern.isFixedTime) return [];
    const gaps = midnightGaps(this.timeZone, afterMs, untilMs);
    return gaps
      .filter(({ wallBeforeMs, wallAfterMs }) => {
        const lost = this.wall.nextRun(new Date(wallBeforeMs - 1))?.getTime();
        return lost !== undefined && lost < wallAfterMs;
      })
      .map((gap) => gap.atMs);
  }
}

function checkTimeZone(timeZone: string): void {
  try {
    // Intl takes offsets as well, but an offset has no summer time.
    if (/^[+-]/.test(timeZone)) throw new RangeError("an offset");
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    // Intl's own message does not say what to write.
    throw refusal(
      "timeZone",
      `"${timeZone}" is not a time zone; give an IANA name, such as Europe/Berlin or UTC`,
    );
  }
}

/** For a valid rule whose date does not exist, such as 30 February. */
export function neverComes(): ComputeError {
  return refusal("cron", "never fires; there is no such date");
}

export function refusal(path: string, message: string): ComputeError {
  return new ComputeError("invalid_request", `The schedule is not valid: ${path} ${message}.`, {
    errors: [{ path, message }],
  });
}

function sum(flags: readonly number[]): number {
  return flags.reduce((total, flag) => total + (flag ? 1 : 0), 0);
}
