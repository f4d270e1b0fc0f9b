import { expect, test } from "bun:test";
import { Cron } from "croner";
import { spellOut } from "./cron-fields.ts";
import { CronRule } from "./cron-rule.ts";

const FROM_MS = Date.UTC(2026, 0, 1);
const FIRES = 30;

const daysOfMonth = ["*", "?", "1-7", "1-31", "*/2", "1-31/2", "*/10", "*/31", "L", "1,L", "1W,15W", "1,15W"];
const weekdays = [
  "*",
  "1-5",
  "+1-5",
  "0-6",
  "*/2",
  "5-0",
  "FRI#2",
  "5#L",
  "5L",
  "1-5L",
  "MON-WED#2",
  "1#1,3",
];
const seconds = ["", "*/7 "];
const minutes = ["*", "0", "0-59", "*/7", "*/15", "*/40", "5/20", "5-59/20", "1-3,10"];
const hours = ["*", "0", "9-17", "0-23", "*/5", "*/23", "22-23,0-5", "8-18/3"];

const rules = [
  ...daysOfMonth.flatMap((day) => weekdays.map((weekday) => `0 8 ${day} * ${weekday}`)),
  ...seconds.flatMap((second) =>
    minutes.flatMap((minute) => hours.map((hour) => `${second}${minute} ${hour} * * *`)),
  ),
];

test("rules that are described in the same words fire at the same times", () => {
  const groups = Map.groupBy(rules, (rule) => CronRule.parse(rule, "UTC").words);
  for (const [words, alike] of groups) {
    if (alike.length === 1) continue;
    const fires = new Set(alike.map((rule) => firesOf(rule).join()));
    expect({ words, rules: alike, ways: fires.size }).toEqual({ words, rules: alike, ways: 1 });
  }
});

function firesOf(rule: string): string[] {
  const cron = new Cron(spellOut(rule), { mode: "5-or-6-parts", timezone: "UTC", paused: true });
  return cron.nextRuns(FIRES, new Date(FROM_MS)).map((date) => date.toISOString());
}
