import { expect, test } from "bun:test";
import { leftInWords } from "./state.ts";

test("each kind of leftover of an agent gets a sentence of its own, with what to do", () => {
  const supervisors = [{ pid: 7, build: "abc", jobs: 2 }];
  const words = leftInWords({ supervisors, undelivered: 1, lost: 3 })?.split("\n");
  expect(words).toEqual([
    "2 jobs may still run without it, held by process 7: tanvrit-compute agent run takes them over.",
    "The results of 1 job are not sent yet: tanvrit-compute agent run sends them.",
    "The process that held 3 jobs is gone: tanvrit-compute agent run ends and reports what is left.",
  ]);
  expect(leftInWords({ supervisors: [], undelivered: 0, lost: 0 })).toBeUndefined();
});
