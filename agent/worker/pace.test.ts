import { expect, test } from "bun:test";
import { MAX_AHEAD } from "../../shared/node.ts";
import { Pace } from "./pace.ts";

/** A pace whose clock the test moves, in ms. */
function stage() {
  const clock = { nowMs: 10_000 };
  return { clock, pace: new Pace(() => clock.nowMs) };
}

test("as long as no job has ended, none is asked for ahead", () => {
  expect(stage().pace.ahead(16)).toBe(0);
});

test("the faster short jobs end, the more are asked for ahead: what begins within about 200 ms", () => {
  const { clock, pace } = stage();
  for (let i = 0; i < 25; i++) {
    clock.nowMs += 10;
    pace.slotFreed(clock.nowMs - 100);
  }
  expect(pace.ahead(16)).toBe(20);
  clock.nowMs += 120;
  expect(pace.ahead(16)).toBe(11);
  clock.nowMs += 130;
  expect(pace.ahead(16)).toBe(0);
});

test("no more than two for each slot are asked for, and never more than a node may", () => {
  const { clock, pace } = stage();
  for (let i = 0; i < 1_000; i++) pace.slotFreed(clock.nowMs);
  expect(pace.ahead(1)).toBe(2);
  expect(pace.ahead(4)).toBe(8);
  expect(pace.ahead(1_000)).toBe(MAX_AHEAD);
});

test("long jobs, and those taken over from an earlier agent, do not count", () => {
  const { clock, pace } = stage();
  pace.slotFreed(clock.nowMs - 250);
  pace.slotFreed(Number.NEGATIVE_INFINITY);
  expect(pace.ahead(16)).toBe(0);
});

test("after jobs waited in vain, none is asked for ahead for a second", () => {
  const { clock, pace } = stage();
  pace.backOff();
  pace.slotFreed(clock.nowMs);
  expect(pace.ahead(16)).toBe(0);
  clock.nowMs += 1_000;
  pace.slotFreed(clock.nowMs);
  expect(pace.ahead(16)).toBe(1);
});
