import { expect, test } from "bun:test";
import { matchesEnd, type OwnEnd, type RetryRule, retryRule, shownCode } from "./retry-rule.ts";

test("an end by a signal also matches its shown exit code, and the other way round", () => {
  const killed: OwnEnd = { signal: "SIGKILL" };
  const killedInContainer: OwnEnd = { exitCode: 137 };
  const terminated: OwnEnd = { signal: "SIGTERM" };
  const outOfMemory: OwnEnd = { reason: "ResourceExceeded", signal: "SIGKILL" };
  const timedOut: OwnEnd = { reason: "Timeout", signal: "SIGKILL" };
  const lost: OwnEnd = { reason: "NodeLost" };
  const rules: [RetryRule, boolean[]][] = [
    [137, [true, true, false, true, false, false]],
    ["SIGKILL", [true, true, false, true, false, false]],
    [143, [false, false, true, false, false, false]],
    ["SIGTERM", [false, false, true, false, false, false]],
    ["128-159", [true, true, true, true, false, false]],
    [124, [false, false, false, false, true, false]],
    ["Timeout", [false, false, false, false, true, false]],
    ["NodeLost", [false, false, false, false, false, true]],
    ["ResourceExceeded", [false, false, false, true, false, false]],
    [1, [false, false, false, false, false, false]],
  ];
  const ends = [killed, killedInContainer, terminated, outOfMemory, timedOut, lost];
  for (const [rule, expected] of rules) {
    expect([rule, ends.map((end) => matchesEnd([rule], end))]).toEqual([rule, expected]);
  }
});

test("the shown code is the command's own, 128 + n after a signal, and 1 if the code is out of range", () => {
  expect(shownCode({ exitCode: 3 })).toBe(3);
  expect(shownCode({ exitCode: 0xc0000005 })).toBe(1);
  expect(shownCode({ signal: "SIG40" })).toBe(168);
  expect(shownCode({ signal: "SIGNEW" })).toBeUndefined();
  expect(shownCode({ exitCode: 0 })).toBeUndefined();
});

test("a rule is a code, a range, a signal or a reason; anything else is refused with a list of these", () => {
  const taken: [unknown, RetryRule][] = [
    [75, 75],
    ["137", 137],
    ["128-159", "128-159"],
    ["kill", "SIGKILL"],
    ["SIGRTMIN+3", "SIGRTMIN+3"],
    ["NodeLost", "NodeLost"],
  ];
  for (const [written, rule] of taken) expect(retryRule().parse(written)).toBe(rule);
  for (const wrong of [0, 256, "0", "300", "9-1", "1-999", "SIGNEW", "nodelost", "toString", "", 1.5, "-1"]) {
    const { success, error } = retryRule().safeParse(wrong);
    expect([wrong, success]).toEqual([wrong, false]);
    expect(error?.issues[0]?.message).toContain("must be an exit code from 1 to 255");
  }
});
