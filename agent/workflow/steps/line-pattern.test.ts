import { expect, test } from "bun:test";
import { hasNestedRepeats, LinePattern } from "./line-pattern.ts";

test("expressions that need exponential time are known", () => {
  for (const source of ["(a+)+", "(a|b)*", "((x*)y)*", "(?:a{2,})+", "(a)\\1*"]) {
    expect([source, hasNestedRepeats(source)]).toEqual([source, true]);
  }
  for (const source of ["^(.+):(\\d+): (error|warning) (.*)$", "[(a+)+]*", "(?:\\d+>)?x", "\\(a+\\)+"]) {
    expect([source, hasNestedRepeats(source)]).toEqual([source, false]);
  }
});

test("an expression of catastrophic shape ends in time, and a repeat in a repeat that only JavaScript knows is refused", () => {
  const startMs = performance.now();
  expect(new LinePattern("^(a+)+$").match(`${"a".repeat(5_000)}!`)).toBeUndefined();
  expect(new LinePattern("^(.*)(.*)(.*)(.*)(.*)x$").match("a".repeat(5_000))).toBeUndefined();
  expect(performance.now() - startMs).toBeLessThan(5_000);
  expect(() => new LinePattern("^(?=a)(a+)+$").match("aaaa")).toThrow("could take for ever");
});

test("both engines find the same groups", () => {
  const source = "^(?:(\\w+) )?(\\d+)-(.*)$";
  for (const line of ["abc 12-x", "12-", "no"]) {
    const long = line.replace("x", "y".repeat(2_000));
    const pattern = new LinePattern(source);
    const groups = pattern.match(line);
    expect(pattern.match(long)).toEqual(groups?.map((group) => group.replace("x", "y".repeat(2_000))));
  }
});
