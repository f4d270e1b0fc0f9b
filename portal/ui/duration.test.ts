import { expect, test } from "bun:test";
import { numberText } from "./counted.ts";
import { agoText } from "./duration.ts";

test("a moment is said as Intl says it in English", () => {
  const format = new Intl.RelativeTimeFormat("en", { numeric: "auto", style: "short" });
  const units = { second: 1_000, minute: 60_000, hour: 3_600_000, day: 86_400_000 };
  for (const [unit, unitMs] of Object.entries(units))
    for (const count of [1, 2, 23])
      for (const sign of [-1, 1]) {
        const text = format.format(sign * count, unit as Intl.RelativeTimeFormatUnit);
        expect(agoText(sign * (count * unitMs + 500))).toBe(text);
      }
  expect([agoText(-999), agoText(999)]).toEqual(["now", "now"]);
});

test("a number has its thousands apart, as Intl says it in English", () => {
  for (const count of [0, 7, 999, 1_000, 12_345, 1_234_567, 1_000_000_000])
    expect(numberText(count)).toBe(count.toLocaleString("en"));
});
