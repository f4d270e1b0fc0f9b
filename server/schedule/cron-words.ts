import type { CronPattern } from "croner";

const WEEKDAYS = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const MONTHS = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];
const ORDINALS = ["first", "second", "third", "fourth", "fifth"];
/** The bits that croner keeps for a weekday: the first to fifth of the month, and the last. */
const ANY_WEEK = 0b111111;
const LAST_WEEK = 0b100000;
/** This many days or more are described by the step between them, if it is always the same. */
const MANY_DAYS = 5;
/** More clock times than this are described as minutes and hours. */
const MAX_CLOCK_TIMES = 6;

/**
 * A cron rule as a person would say it: "at 02:30 every day", "every 15 minutes from 09:00 to 17:59, Monday to Friday".
 * Two rules that fire at different times never get the same words.
 */
export function describePattern(pattern: CronPattern): string {
  const time = timesOf(pattern);
  const [days, months] = [daysOf(pattern), monthsOf(pattern)];
  if (days === "" && months === "") return time.startsWith("at ") ? `${time} every day` : time;
  return [time, days === "" ? "every day" : days, months].filter(Boolean).join(", ");
}

function timesOf({ second, minute, hour }: CronPattern): string {
  const [seconds, minutes, hours] = [second, minute, hour].map(indexesOf) as [number[], number[], number[]];
  if (seconds.length > 1) return secondly(seconds, minutes, hours);
  if (hours.length < 24 && hours.length * minutes.length <= MAX_CLOCK_TIMES) {
    const [own = 0] = seconds;
    const clock = hours.flatMap((h) => minutes.map((m) => clockTime(h, m) + (own > 0 ? `:${two(own)}` : "")));
    return `at ${listed(clock)}`;
  }
  const at = seconds[0] ? `, at second ${seconds[0]}` : "";
  const step = stepOf(minutes, 60);
  const ofHours = hoursWords(hours);
  if (step === 1) return `every minute${ofHours}${at}`;
  if (step !== undefined && step < 60) return `every ${step} minutes${ofHours}${at}`;
  const every = hours.length === 24 ? "every hour" : undefined;
  if (every && minutes.length === 1 && minutes[0] === 0) return `${every}, on the hour${at}`;
  const named = `${minutes.length === 1 ? "minute" : "minutes"} ${listed(minutes.map(String))}`;
  const hourStep = stepOf(hours, 24);
  if (every) return `${every}, at ${named}${at}`;
  if (hourStep !== undefined) return `every ${hourStep} hours, at ${named}${at}`;
  return `at ${named} of every hour${ofHours}${at}`;
}

function secondly(seconds: number[], minutes: number[], hours: number[]): string {
  const step = stepOf(seconds, 60);
  const every =
    step === 1
      ? "every second"
      : step
        ? `every ${step} seconds`
        : `at seconds ${listed(seconds.map(String))} of every minute`;
  if (minutes.length === 60) return every + hoursWords(hours);
  const named = `${minutes.length === 1 ? "minute" : "minutes"} ${listed(minutes.map(String))}`;
  return `${every} of ${named} of every hour${hoursWords(hours)}`;
}

/** The hours, to follow what happens in each of them. Empty for all 24. */
function hoursWords(hours: number[]): string {
  if (hours.length === 24) return "";
  const [first = 0] = hours;
  const last = hours.at(-1) ?? first;
  if (last - first + 1 === hours.length) return ` from ${clockTime(first, 0)} to ${clockTime(last, 59)}`;
  return ` in the hours ${listed(hours.map((hour) => two(hour)))}`;
}

/** The days of the rule. Empty for every day. */
function daysOf(pattern: CronPattern): string {
  const ofMonth = pattern.starDOM ? "" : daysOfMonth(pattern);
  const ofWeek = pattern.starDOW ? "" : daysOfWeek(pattern.dayOfWeek);
  if (ofMonth === "" || ofWeek === "") return ofMonth + ofWeek;
  const weekdays = ofWeek.startsWith("on ") ? ofWeek : `on ${ofWeek}`;
  return pattern.useAndLogic ? `${weekdays} if it falls ${ofMonth}` : `${ofMonth} or ${weekdays}`;
}

function daysOfMonth(pattern: CronPattern): string {
  const days = indexesOf(pattern.day).map((day) => day + 1);
  const parts =
    days.length > 0 ? [`on ${steppedDays(days) ?? `day ${listed(ranges(days))}`} of the month`] : [];
  if (pattern.lastDayOfMonth) parts.push("on the last day of the month");
  if (pattern.lastWeekday) parts.push("on the last weekday of the month");
  for (const day of indexesOf(pattern.nearestWeekdays)) {
    parts.push(`on the weekday nearest to day ${day + 1} of the month`);
  }
  return parts.join(" and ");
}

/** Many days with the same step between them. */
function steppedDays(days: readonly number[]): string | undefined {
  const [first = 0, second = 0] = days;
  const step = second - first;
  const isEven = days.every((day, i) => day === first + i * step);
  if (!isEven || step < 2 || days.length < MANY_DAYS) return undefined;
  const which = step === 2 ? "second" : (ORDINALS[step - 1] ?? `${step}th`);
  return `every ${which} day from ${first} to ${days.at(-1)}`;
}

function daysOfWeek(weeks: readonly number[]): string {
  const whole = WEEKDAYS.map((_, day) => day).filter((day) => weeks[day] === ANY_WEEK);
  // The week begins with Monday here, which makes "Friday to Sunday" one range.
  const fromMonday = whole.map((day) => (day + 6) % 7).sort((a, b) => a - b);
  const parts = ranges(fromMonday, (day) => WEEKDAYS[(day + 1) % 7] ?? "");
  const some = WEEKDAYS.flatMap((name, day) => {
    const bits = weeks[day] ?? 0;
    if (bits === 0 || bits === ANY_WEEK) return [];
    const which = ORDINALS.filter((_, i) => bits & (1 << i));
    if (bits & LAST_WEEK) which.push("last");
    return [`the ${listed(which)} ${name} of the month`];
  });
  const all = [...parts, ...some];
  return all.length > 0 && parts.length === 0 ? `on ${listed(all)}` : listed(all);
}

function monthsOf(pattern: CronPattern): string {
  const months = indexesOf(pattern.month);
  if (months.length === 12) return "";
  return `in ${listed(ranges(months, (month) => MONTHS[month] ?? ""))}`;
}

/** The size of equal steps from 0 that fill the whole, such as 15 for 0, 15, 30, 45 of 60. */
function stepOf(values: number[], whole: number): number | undefined {
  const step = whole / values.length;
  if (values.length < 2 || !Number.isInteger(step)) return undefined;
  return values.every((value, i) => value === i * step) ? step : undefined;
}

/** Three or more values in a row become a range. */
function ranges(values: number[], nameOf: (value: number) => string = String): string[] {
  const parts: string[] = [];
  for (let i = 0; i < values.length; ) {
    let end = i;
    while (values[end + 1] === (values[end] ?? 0) + 1) end++;
    const [first = 0, last = 0] = [values[i], values[end]];
    if (end - i >= 2) parts.push(`${nameOf(first)} to ${nameOf(last)}`);
    else parts.push(...values.slice(i, end + 1).map(nameOf));
    i = end + 1;
  }
  return parts;
}

function indexesOf(flags: readonly number[]): number[] {
  return flags.flatMap((flag, index) => (flag ? [index] : []));
}

function listed(parts: string[]): string {
  if (parts.length <= 1) return parts.join("");
  return `${parts.slice(0, -1).join(", ")} and ${parts.at(-1)}`;
}

function clockTime(hour: number, minute: number): string {
  return `${two(hour)}:${two(minute)}`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}
