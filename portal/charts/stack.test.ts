import { expect, test } from "bun:test";
import { lonely, stack } from "./stack.ts";
import { units } from "./units.ts";

test("stacked series add up, and only a moment without any value is a gap", () => {
  const stacked = stack(
    [
      [1, null, 2, null],
      [3, 4, null, null],
    ],
    4,
  );
  expect(stacked).toEqual([
    [1, 0, 2, null],
    [4, 4, 2, null],
  ]);
});

test("a value between two gaps is found, since no line goes through it", () => {
  expect(lonely([null, 5, null, 1, 2, null, 3])).toEqual([1, 6]);
  expect(lonely([])).toEqual([]);
});

test("values are written in the unit that a person would say", () => {
  expect([0, 9_999, 12_345].map(units.count.text)).toEqual(["0", "9,999", "12.3K"]);
  expect([512, 1_536, 3 * 1_024 ** 3].map(units.bytes.text)).toEqual(["512 bytes", "1.5 KiB", "3 GiB"]);
  expect([0, 0.5, 5, 90, 120, 7_200].map(units.seconds.text)).toEqual([
    "0 s",
    "500 ms",
    "5 s",
    "1 min 30 s",
    "2 min",
    "2 h",
  ]);
  expect([0, 0.0123, 12.5].map(units.usd.text)).toEqual(["$0.00", "$0.0123", "$12.50"]);
  expect(units.share.text(0.1234)).toBe("12.3 %");
});
