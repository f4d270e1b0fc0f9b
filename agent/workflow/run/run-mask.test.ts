import { expect, test } from "bun:test";
import { RunMask } from "./run-mask.ts";

test("values are masked as they are and in other forms; short ones only as they are", () => {
  const mask = new RunMask();
  for (const value of ["hunter2", "ab", ""]) mask.add(value);
  expect(mask.text("a hunter2 b")).toBe("a *** b");
  expect(mask.text(btoa("--hunter2--"))).not.toContain(btoa("hunter2").slice(2, 8));
  expect(mask.text("cab")).toBe("c***");
  expect(mask.text("plain")).toBe("plain");
});

test("what one job adds does not mask the text of another; the secrets of the run are masked in both", () => {
  const run = new RunMask();
  run.add("hunter2");
  const [one, two] = [new RunMask(run), new RunMask(run)];
  one.add("hunter2-and-more");
  expect(one.text("hunter2-and-more hunter2")).toBe("*** ***");
  expect(two.text("hunter2-and-more")).toBe("***-and-more");
});

test("values that are too large together are still masked as they are", () => {
  const mask = new RunMask();
  const large = ["x", "y"].map((letter) => letter.repeat(100_000));
  for (const value of large) mask.add(value);
  for (const value of large) expect(mask.text(`a ${value} b`)).toBe("a *** b");
});
