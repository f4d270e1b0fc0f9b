import { describe, expect, test } from "bun:test";
import { CronRule } from "./cron-rule.ts";

const START_MS = Date.UTC(2026, 10, 29, 8, 3, 30);
const DAY_MS = 86_400_000;
const FIRES = 8;
const MAX_DAYS = 366 * 34;

const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** The values of a field by the manual of crontab, read a second time and in a plainer way. */
function valuesOf(field: string, first: number, last: number, names: readonly string[] = []): Set<number> {
  const value = (text: string) => {
    const named = names.indexOf(text.toLowerCase());
    return named >= 0 ? named + first : Number(text);
  };
  const values = new Set<number>();
  for (const item of field.split(",")) {
    const [range = "", step = "1"] = item.split("/");
    let [from, to] = [first, last];
    if (range !== "*" && range !== "?") {
      const [low = "", high] = range.split("-");
      from = value(low);
      to = high === undefined ? (item.includes("/") ? last : from) : value(high);
      if (names === DAYS && to === 0 && from > 0) to = 7;
    }
    for (let one = from; one <= to; one += Number(step)) values.add(names === DAYS ? one % 7 : one);
  }
  return values;
}

function nextByHand(rule: string): string[] {
  const [minute = "", hour = "", day = "", month = "", weekday = ""] = rule.split(" ");
  const [minutes, hours] = [valuesOf(minute, 0, 59), valuesOf(hour, 0, 23)];
  const [days, months] = [valuesOf(day, 1, 31), valuesOf(month, 1, 12, MONTHS)];
  const weekdays = valuesOf(weekday, 0, weekday.includes("/") && !weekday.startsWith("*") ? 7 : 6, DAYS);
  const isStar = /^[*?]/.test(day) || /^[*?]/.test(weekday);
  const fires: string[] = [];
  for (let at = Math.floor(START_MS / DAY_MS); at < START_MS / DAY_MS + MAX_DAYS; at++) {
    const date = new Date(at * DAY_MS);
    const isDay = days.has(date.getUTCDate());
    const isWeekday = weekdays.has(date.getUTCDay());
    const fits = isStar ? isDay && isWeekday : isDay || isWeekday;
    if (!fits || !months.has(date.getUTCMonth() + 1)) continue;
    for (let ms = at * DAY_MS; ms < (at + 1) * DAY_MS; ms += 60_000) {
      const time = new Date(ms);
      if (ms <= START_MS || !hours.has(time.getUTCHours()) || !minutes.has(time.getUTCMinutes())) continue;
      if (fires.push(time.toISOString()) === FIRES) return fires;
    }
  }
  return fires;
}

const next = (rule: string) =>
  CronRule.parse(rule, "UTC")
    .next(FIRES, START_MS)
    .map((ms) => new Date(ms).toISOString());

describe("a rule fires when the manual of crontab says", () => {
  const daysOfMonth = ["*", "1", "31", "1-7", "*/2", "*/10", "5/10", "1-31/2", "28-31", "1,15"];
  const weekdays = ["*", "?", "1", "0", "7", "MON-FRI", "sat-sun", "5-7", "*/2", "1/2", "SUN,WED"];
  const rules = daysOfMonth.flatMap((day) => weekdays.map((weekday) => `30 2 ${day} * ${weekday}`));
  rules.push(
    "*/15 * * * *",
    "0/5 * * * *",
    "5/15 */6 * * *",
    "7-59/13 22-23,0-4 * * *",
    "0 0 29 2 *",
    "0 0 31 */2 *",
    "* * * * *",
    "0 12 * JAN,Mar-may 1",
    "59 23 31 12 *",
    "0 0 30 1-3 *",
    "1,2,3 4,5 6 7 *",
    "0 9-17/2 * * 1-5",
    "*/7 3 * * *",
    "0 */23 * * *",
    "0 0 1 1/3 *",
    "0 0 */31 * *",
    "10 10 *,1 * 2",
    "0 0 13 * FRI",
    "0 0 * * 4-0",
  );
  test.each(rules)("%s", (rule) => {
    expect(next(rule)).toEqual(nextByHand(rule));
  });
});

describe("an invalid rule is refused, quoting what was written", () => {
  test.each([
    ["0 0 * 13 *", "month 13, which must be 1 to 12 or JAN to DEC"],
    ["0 0 * 0 *", "month 0,"],
    ["0 0 0 * *", "day of the month 0, which must be 1 to 31"],
    ["0 0 32W * *", "day of the month 32"],
    ["60 * * * *", "minute 60, which must be 0 to 59"],
    ["* 24 * * *", "hour 24"],
    ["60 * * * * *", "second 60"],
    ["0 0 * * 8", "day of the week 8, which must be 0 to 7 or SUN to SAT"],
    ["0 0 * * FRI-MON", '"FRI-MON" for the day of the week, which goes backwards; write FRI-SAT,SUN-MON'],
    ["0 22-4 * * *", '"22-4" for the hour, which goes backwards; write 22-23,0-4'],
    ["0 0 * nov-feb *", '"nov-feb" for the month, which goes backwards; write nov-DEC,JAN-feb'],
    ["*/0 * * * *", '"*/0" for the minute; its step must be a number from 1 to 60'],
    ["*/61 * * * *", '"*/61"'],
    ["0 0 * * MON#6", '"MON#6", but a weekday comes at most five times'],
    ["x * * * *", '"x" for the minute'],
    ["1,,2 * * * *", '"" for the minute'],
    ["0 0 L-3 * *", '"L-3" for the day of the month'],
    ["H * * * *", '"H" for the minute'],
    ["@every 5m", "cannot use @every: for every five minutes write */5 * * * *"],
    ["@reboot", "cannot use @reboot"],
    ["@dayly", "cannot use @dayly; the nicknames are @yearly"],
    ["CRON_TZ=UTC 0 0 * * *", "must not begin with a time zone"],
    ["* * * * * * *", "has seven fields, but a rule has no field for the year"],
    ["* * * *", "needs five fields, or six with the seconds first"],
  ])("%s", (rule, why) => {
    expect(() => CronRule.parse(rule, "UTC")).toThrow(why);
  });
});

test("extensions of other crons work: last days, nearest weekdays, the nth weekday of a month", () => {
  for (const rule of [
    "0 0 L * *",
    "0 0 LW * *",
    "0 0 15W,L * *",
    "0 0 * * 5L",
    "0 0 * * FRIL",
    "0 0 * * 0L",
  ]) {
    expect({ rule, fires: next(rule).length }).toEqual({ rule, fires: FIRES });
  }
  for (const rule of [
    "0 0 * * 7#2",
    "0 0 * * 1#1,3#3",
    "0 0 * * MON-FRI#1",
    "0 0 29 2 +1",
    "0 0 */10 * +1",
    "@DAILY",
    "@midnight",
  ]) {
    expect({ rule, fires: next(rule).length }).toEqual({ rule, fires: FIRES });
  }
});
