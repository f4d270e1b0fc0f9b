import { expect, test } from "bun:test";
import { hostileLines } from "../tests/support/hostile-lines.ts";
import { continuing, joinPacked, packLines, slicePacked, splitPacked, unpackLines } from "./packed-lines.ts";

test("packed lines come back unchanged, whatever is in them and wherever they are cut and joined", () => {
  for (let round = 0; round < 200; round++) {
    const lines = hostileLines(1 + Math.floor(Math.random() * 9));
    const packed = packLines(lines);
    expect(unpackLines(packed)).toEqual(lines);
    const parts = lines.map(({ seq }) => slicePacked(packed, seq, seq));
    expect(joinPacked(parts)).toEqual([packed]);
    expect(splitPacked(packed, 80).flatMap((part) => unpackLines(part))).toEqual(lines);
  }
});

test("packed lines continue a log without those that it has, and not after a hole", () => {
  const packed = packLines(hostileLines(9));
  expect(continuing(packed, 0)).toBe(packed);
  expect(continuing(packed, 4)).toEqual(packLines(unpackLines(packed).slice(4)));
  expect(continuing(packed, 9)).toBeUndefined();
  expect(continuing({ ...packed, firstSeq: 3, lastSeq: 11 }, 1)).toBeUndefined();
});
