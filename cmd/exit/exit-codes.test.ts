import { expect, test } from "bun:test";
import { ComputeError, type ErrorCode, errorCodes } from "../../shared/errors.ts";
import { exitCodeOfJob, exitCodeOfProblem } from "./exit-codes.ts";
import { describeFailure } from "./failure.ts";

test("a job's own code is passed through, as a shell reports it", () => {
  expect(exitCodeOfJob({ status: "SUCCESS", exitCode: 0 })).toBe(0);
  expect(exitCodeOfJob({ status: "FAILED", exitCode: 3 })).toBe(3);
  expect(exitCodeOfJob({ status: "FAILED", signal: "SIGKILL" })).toBe(137);
  expect(exitCodeOfJob({ status: "FAILED", signal: "SIGTERM" })).toBe(143);
  expect(exitCodeOfJob({ status: "FAILED", signal: "SIG34" })).toBe(162);
  expect(exitCodeOfJob({ status: "TIMEOUT", signal: "SIGKILL" })).toBe(124);
  expect(exitCodeOfJob({ status: "CANCELLED", exitCode: 143 })).toBe(130);
});

test("a job that failed without a code, or with code 0, is not a success", () => {
  expect(exitCodeOfJob({ status: "FAILED" })).toBe(1);
  expect(exitCodeOfJob({ status: "FAILED", exitCode: 0 })).toBe(1);
  expect(exitCodeOfJob({ status: "FAILED", signal: "SIGNEW" })).toBe(1);
  // A process keeps only the last eight bits of these.
  expect(exitCodeOfJob({ status: "FAILED", exitCode: 256 })).toBe(1);
  expect(exitCodeOfJob({ status: "FAILED", exitCode: 0xc0000005 })).toBe(1);
});

test("every error code of the API has an exit code, and what may be retried is 75", () => {
  for (const code of Object.keys(errorCodes) as ErrorCode[]) {
    expect(exitCodeOfProblem(code)).toBeGreaterThanOrEqual(64);
    if (errorCodes[code].status === 503 || code === "rate_limited") expect(exitCodeOfProblem(code)).toBe(75);
  }
});

test("only a person who is not signed in is told to sign in", () => {
  const todoOf = (code: ErrorCode) => describeFailure(new ComputeError(code, "No.")).todo;
  expect(todoOf("unauthenticated")).toContain("auth login");
  for (const code of ["quota_exceeded", "link_expired", "forbidden"] as const) {
    expect(todoOf(code)).toBeUndefined();
  }
});
