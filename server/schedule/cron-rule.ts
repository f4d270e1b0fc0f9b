import { Cron, CronPattern } from "croner";
import { asClause } from "../../shared/clause.ts";
import { ComputeError } from "../../shared/errors.ts";
import { CronFieldError, spellOut } from "./cron-fields.ts";
import { describePattern } from "./cron-words.ts";
import { midnightGaps } from "./midnight-gaps.ts";

/** What has this many fires in an hour fires, on average, more than once in 10 s. */
const OFTEN_PER_HOUR = 360;
const OFTEN_PER_DAY = 1_000;

/**
 * When a rule fires: five fields, or six with the seconds first, read as local time of a zone.
 *
 * Where clocks are changed, a rule whose seconds, minutes and hours are all plain numbers, lists or ranges goes by the
 * local day: a time that the day leaves out fires at the first instant after the gap, one that comes twice fires the
 * first time only. Any other rule goes by real time: it fires at every instant whose local time matches. As old as
 * Vixie's cron, and what people expect of "02:30 every night" and "every 15 minutes".
 */
export class CronRule {
  private constructor(
    private readonly cron: Cron,
    private readonly pattern: CronPattern,
    /** The same rule for what the wall shows, as if that were UTC. */
    private readonly wall: Cron,
    private readonly timeZone: string,
  ) {}

  /** Throws ComputeError `invalid_request` that names the field. */
  static parse(rule: string, timeZone: string): CronRule {
    checkTimeZone(timeZone);
    try {
      const text = spellOut(rule.trim());
      const options = { mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" } as const;
      const pattern = new CronPattern(text, timeZone, options);
      const cron = new Cron(text, { ...options, timezone: timeZone, paused: true });
      const wall = new Cron(text, { ...options, timezone: "UTC", paused: true });
      return new CronRule(cron, pattern, wall, timeZone);
    } catch (error) {
      if (error instanceof CronFieldError) throw refusal("cron", error.message);
      throw refusal(
        "cron",
        `is no cron rule: ${asClause((error as Error).message.replace(/^Cron\w+: /, ""))}`,
      );
    }
  }

  /** The first due time behind `ms`, in epoch milliseconds; undefined where there is none for ever. */
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
   * The due times from `firstMs`, which must be one, until `untilMs`; oldest first. Where there are more than `max`, the
   * latest of them, and `isCut`: an age away may hold millions.
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

  /** What the rule says, as a person would. */
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
      `This rule fires ${often}. If that is not meant, check its first fields: five fields begin with the minute.`,
    ];
  }

  private latest(max: number, untilMs: number): number[] {
    // Runs before an instant; one millisecond later, so that one at `untilMs` is among them.
    const runs = this.cron.previousRuns(max, new Date(untilMs + 1)).map((date) => date.getTime());
    const leftOut = this.leftOut(Math.min(...runs, untilMs), untilMs);
    return [...new Set([...runs, ...leftOut])].sort((a, b) => a - b).slice(-max);
  }

  /** Croner loses a time in a gap that ends on the next day, as by the clocks of Nuuk: the ends of such gaps. */
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
    // Intl takes offsets as well, which know nothing of summer time.
    if (/^[+-]/.test(timeZone)) throw new RangeError("an offset");
    new Intl.DateTimeFormat("en", { timeZone });
  } catch {
    // Whatever Intl says against it, this is what to do.
    throw refusal("timeZone", `"${timeZone}" is no time zone; give an IANA name, as Europe/Berlin or UTC`);
  }
}

/** A rule that is right, and of which no time ever comes, as on 30 February. */
export function neverComes(): ComputeError {
  return refusal("cron", "never comes; there is no such date");
}

export function refusal(path: string, message: string): ComputeError {
  return new ComputeError("invalid_request", `The schedule is not valid: ${path} ${message}.`, {
    errors: [{ path, message }],
  });
}

function sum(flags: readonly number[]): number {
  return flags.reduce((total, flag) => total + (flag ? 1 : 0), 0);
}
