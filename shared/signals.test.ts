import { expect, test } from "bun:test";
import { codeOfSignal, signalName, signalNumber } from "./signals.ts";

test("a signal is known by any of its names and has its Linux number", () => {
  const cases: [string, number | undefined, string | undefined][] = [
    ["SIGKILL", 9, "SIGKILL"],
    ["kill", 9, "SIGKILL"],
    ["TERM", 15, "SIGTERM"],
    ["SIGIOT", 6, "SIGABRT"],
    ["SIG34", 34, "SIGRTMIN"],
    ["SIG37", 37, "SIGRTMIN+3"],
    ["SIGRTMIN+3", 37, "SIGRTMIN+3"],
    ["SIGRTMAX", 64, "SIGRTMIN+30"],
    ["RTMAX-1", 63, "SIGRTMIN+29"],
    ["SIGRTMIN+31", undefined, undefined],
    ["SIG65", undefined, undefined],
    ["SIG0", undefined, undefined],
    ["SIGNEW", undefined, undefined],
    ["constructor", undefined, undefined],
    ["", undefined, undefined],
  ];
  for (const [text, number, name] of cases) {
    expect([text, signalNumber(text), signalName(text)]).toEqual([text, number, name]);
  }
});

test("an end by a signal has the exit code a shell shows", () => {
  expect(codeOfSignal("SIGKILL")).toBe(137);
  expect(codeOfSignal("SIGTERM")).toBe(143);
  expect(codeOfSignal("SIG40")).toBe(168);
  expect(codeOfSignal("SIGNEW")).toBeUndefined();
});
