import { describe, expect, test } from "bun:test";
import { gapInWords, Standstill } from "./standstill.ts";

function clocks() {
  const now = { wall: 1_000_000, monotonic: 500 };
  const standstill = new Standstill({ wallMs: () => now.wall, monotonicMs: () => now.monotonic });
  const pass = (wallMs: number, monotonicMs: number) => {
    now.wall += wallMs;
    now.monotonic += monotonicMs;
    return standstill.look(2_000);
  };
  return { pass };
}

describe("a check of the clocks", () => {
  test("finds nothing if both clocks moved as expected, or as late as on a busy machine", () => {
    const { pass } = clocks();
    expect(pass(2_000, 2_000)).toBeUndefined();
    expect(pass(9_000, 9_000)).toBeUndefined();
    expect(pass(4_000, 2_000)).toBeUndefined();
  });

  test("finds that the machine slept if the monotonic clock slept with it", () => {
    const gap = clocks().pass(302_000, 2_000);
    expect(gap).toEqual({ is: "slept", ms: 300_000 });
    expect(gap && gapInWords(gap, "The agent")).toContain("slept for about 300 s");
  });

  test("finds a stall if both clocks went on without the process", () => {
    const gap = clocks().pass(62_000, 62_000);
    expect(gap).toEqual({ is: "stoodStill", ms: 60_000 });
    expect(gap && gapInWords(gap, "The agent")).toContain("stalled for at least 60 s");
  });

  test("finds that the clock was set back", () => {
    const gap = clocks().pass(-3_598_000, 2_000);
    expect(gap).toEqual({ is: "clockSetBack", ms: 3_600_000 });
    expect(gap && gapInWords(gap, "The agent")).toContain("set back by 3600 s");
  });

  test("reports each gap once", () => {
    const { pass } = clocks();
    expect(pass(302_000, 2_000)).toBeDefined();
    expect(pass(2_000, 2_000)).toBeUndefined();
  });
});
