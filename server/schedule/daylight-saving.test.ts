import { describe, expect, test } from "bun:test";
import { type ClockChange, LocalClock } from "../../tests/support/local-clock.ts";
import { CronRule } from "./cron-rule.ts";

const [FROM, UNTIL] = [Date.UTC(2024, 0, 1), Date.UTC(2033, 0, 1)];
const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** Gaps at midnight, of half an hour, of two hours, at a quarter to three; backwards in winter; abolished on the way. */
const ZONES = [
  "Europe/Berlin",
  "Europe/London",
  "Europe/Chisinau",
  "Atlantic/Azores",
  "Africa/Cairo",
  "Africa/Casablanca",
  "Asia/Beirut",
  "Asia/Jerusalem",
  "America/New_York",
  "America/Los_Angeles",
  "America/St_Johns",
  "America/Havana",
  "America/Santiago",
  "America/Asuncion",
  "America/Nuuk",
  "Australia/Sydney",
  "Australia/Lord_Howe",
  "Pacific/Auckland",
  "Pacific/Chatham",
  "Antarctica/Troll",
];

describe.each(ZONES)("clocks in %s, 2024 to 2032", (zone) => {
  const clock = new LocalClock(zone, FROM - DAY_MS, UNTIL + 2 * DAY_MS);

  test("a daily rule fires once on each local day, even if the day skips its time or has it twice", () => {
    // The hardest time: the middle of the first gap.
    const gap = clock.changes.find((change) => change.afterMs > change.beforeMs);
    const worst = gap ? gap.atMs + (gap.beforeMs + gap.afterMs) / 2 : Date.UTC(2024, 0, 1, 2, 30);
    const timeOfDayMs = worst % DAY_MS;
    const at = new Date(timeOfDayMs);
    const rule = CronRule.parse(`${at.getUTCMinutes()} ${at.getUTCHours()} * * *`, zone);
    const expected: number[] = [];
    for (let day = FROM; day < UNTIL; day += DAY_MS) expected.push(clock.firstAt(day + timeOfDayMs));
    const fires = walk(rule, (expected[0] ?? 0) - 1, expected.at(-1) ?? 0);
    expect(fires).toEqual(expected);
    const days = fires.map((ms) => Math.floor(clock.wallAt(ms) / DAY_MS));
    // Only when a day loses its end does its fire come at the next day's first instant.
    const onNextDay = new Set(days).size - Math.round((UNTIL - FROM) / DAY_MS);
    expect(onNextDay === 0 || zone === "America/Nuuk").toBe(true);
  });

  test("around each change, plain times follow the local day and intervals follow real time", () => {
    for (const change of clock.changes) {
      const [from, until] = [change.atMs - 5 * HOUR_MS, change.atMs + 5 * HOUR_MS];
      for (const rule of RULES) {
        const expected = expectedOf(clock, rule, from, until, change);
        const parsed = CronRule.parse(rule.cron, zone);
        const fires = walk(parsed, from - 1, until);
        expect({ at: new Date(change.atMs), cron: rule.cron, fires }).toEqual({
          at: new Date(change.atMs),
          cron: rule.cron,
          fires: expected,
        });
        // Missed times, which are collected from the latest backwards, are the same.
        const [first] = expected;
        if (first === undefined || expected.length < 4) continue;
        expect(parsed.dueBetween(first, until, 3)).toEqual({ dueMs: expected.slice(-3), isCut: true });
      }
    }
  });
});

interface Rule {
  cron: string;
  minutes: number[];
  /** Undefined means every hour. */
  hours: number[] | undefined;
  isPlain: boolean;
}

const RULES: Rule[] = [
  { cron: "*/15 * * * *", minutes: [0, 15, 30, 45], hours: undefined, isPlain: false },
  { cron: "0 * * * *", minutes: [0], hours: undefined, isPlain: false },
  { cron: "30 */2 * * *", minutes: [30], hours: Array.from({ length: 12 }, (_, i) => i * 2), isPlain: false },
  { cron: "5,35 0-4,22,23 * * *", minutes: [5, 35], hours: [0, 1, 2, 3, 4, 22, 23], isPlain: true },
  { cron: "0 0,1,2,3 * * *", minutes: [0], hours: [0, 1, 2, 3], isPlain: true },
];

function expectedOf(
  clock: LocalClock,
  rule: Rule,
  from: number,
  until: number,
  change: ClockChange,
): number[] {
  const fires = new Set<number>();
  if (rule.isPlain) {
    const [firstDay] = [Math.floor((from + change.beforeMs) / DAY_MS) * DAY_MS - DAY_MS];
    for (let day = firstDay; day < firstDay + 4 * DAY_MS; day += DAY_MS) {
      for (const hour of rule.hours ?? []) {
        for (const minute of rule.minutes)
          fires.add(clock.firstAt(day + hour * HOUR_MS + minute * MINUTE_MS));
      }
    }
  } else {
    for (let ms = from; ms <= until; ms += MINUTE_MS) {
      const wall = new Date(clock.wallAt(ms));
      const isHour = rule.hours?.includes(wall.getUTCHours()) ?? true;
      if (isHour && rule.minutes.includes(wall.getUTCMinutes())) fires.add(ms);
    }
  }
  return [...fires].filter((ms) => ms >= from && ms <= until).sort((a, b) => a - b);
}

/** Every fire after `fromMs`, up to `untilMs`, one after the other as a server takes them. */
function walk(rule: CronRule, fromMs: number, untilMs: number): number[] {
  const fires: number[] = [];
  for (let at = rule.nextAfter(fromMs); at !== undefined && at <= untilMs; at = rule.nextAfter(at))
    fires.push(at);
  return fires;
}
