import { expect, test } from "bun:test";
import { formatUsd, parseUsd } from "./money.ts";

test("an amount is formatted in dollars with as many decimal places as it needs", () => {
  const shown = [0, 1, 1_234, 10_000, 500_000, 30_000_000, 1_234_567_890, -2_500_001].map(formatUsd);
  expect(shown).toEqual([
    "$0.00",
    "$0.000001",
    "$0.001234",
    "$0.01",
    "$0.50",
    "$30.00",
    "$1234.56789",
    "-$2.500001",
  ]);
});

test("a typed amount is parsed digit by digit, and an inexact amount is refused", () => {
  const cases = [
    ["12.5", 12_500_000],
    ["$12.50", 12_500_000],
    ["0.000001", 1],
    ["1.1", 1_100_000],
    ["8.29", 8_290_000],
    ["1000000000", 1_000_000_000_000_000],
  ] as const;
  for (const [text, microUsd] of cases)
    expect({ text, microUsd: parseUsd(text) }).toEqual({ text, microUsd });
  for (const text of ["", "-1", "1e3", "1.0000001", "1,5", ".5", "5.", "NaN", "0x10", "1000000001"]) {
    expect({ text, microUsd: parseUsd(text) }).toEqual({ text, microUsd: undefined });
  }
});

test("every formatted amount parses back to the same value", () => {
  for (let i = 0; i < 1_000; i++) {
    const microUsd = Math.floor(Math.random() * 10 ** (1 + (i % 15)));
    expect(parseUsd(formatUsd(microUsd))).toBe(microUsd);
  }
});
