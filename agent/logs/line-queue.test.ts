import { expect, test } from "bun:test";
import { runsOf } from "../../shared/line-runs.ts";
import { linesOf } from "../../tests/support/lines-of.ts";
import { LineQueue } from "./line-queue.ts";

const at = "2026-01-01T00:00:00.000Z";
const line = (seq: number) => ({ seq, stream: "stdout" as const, at, text: "x" });

test("each missing line before the first gets a note in its place, so that the rest can be sent", () => {
  const queue = new LineQueue("exe_a");
  queue.append(runsOf([line(4), line(5)]));
  expect(queue.fillHole(1)).toBe(true);
  const lost = { stream: "system", text: expect.stringContaining("could not be kept") };
  const waiting = queue.peek({ maxLines: 9, maxChars: 9_999 });
  expect(linesOf(waiting)).toMatchObject([{ seq: 2, ...lost }, { seq: 3, ...lost }, line(4), line(5)]);
});

test("nothing is filled when no lines are missing, or more than disk damage can explain", () => {
  const queue = new LineQueue("exe_a");
  expect(queue.fillHole(0)).toBe(false);
  queue.append(runsOf([line(1_000_000)]));
  expect(queue.fillHole(999_999)).toBe(false);
  expect(queue.fillHole(0)).toBe(false);
});
