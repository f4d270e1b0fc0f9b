import { expect, test } from "bun:test";
import { hashOf, placeIn, rangeIn } from "./anchor.ts";
import { sinceText } from "./times.ts";

test("the fragment of a URL names a line, or lines, of an attempt", () => {
  for (const hash of ["#L12", "#L12-L40", "#L2.12", "#L1-L2.3", "#L2.3-L2.9"]) {
    const range = rangeIn(hash);
    expect(range && hashOf(range)).toBe(hash);
  }
  expect(rangeIn("#L40-L12")).toEqual({ from: { attempt: 1, seq: 12 }, to: { attempt: 1, seq: 40 } });
  for (const other of ["", "#", "#top", "#L", "#Lx", "#L1-", "L1"]) expect(rangeIn(other)).toBeUndefined();
  expect(placeIn(" 12 ")).toEqual({ attempt: 1, seq: 12 });
  expect(placeIn("twelve")).toBeUndefined();
});

test("the time since the start has the fields that count", () => {
  expect([42, 62_500, 93_662_500, -5].map(sinceText)).toEqual([
    "+0.042",
    "+1:02.500",
    "+26:01:02.500",
    "−0.005",
  ]);
});
