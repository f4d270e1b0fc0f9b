import { describe, expect, test } from "bun:test";
import { decideEnding, type Ending, type Reason, reasons, retryDelayMs } from "./reasons.ts";

const failed: Ending = {
  outcome: "FAILED",
  reason: undefined,
  retryCount: 0,
  maxRetries: 0,
  cancelRequested: false,
};

describe("what becomes of a job whose execution ended", () => {
  test("success is final, also when somebody asked to cancel too late", () => {
    const ending = { ...failed, outcome: "SUCCEEDED", maxRetries: 3, cancelRequested: true } as const;
    expect(decideEnding(ending)).toEqual({ status: "SUCCESS", retry: false });
  });

  test("maxRetries 0 means never, whatever the reason", () => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      expect(decideEnding({ ...failed, reason })).toEqual({ status: reasons[reason].status, retry: false });
    }
  });

  test("a failure is tried again until maxRetries is used up", () => {
    expect(decideEnding({ ...failed, retryCount: 1, maxRetries: 2 })).toEqual({ retry: true });
    expect(decideEnding({ ...failed, retryCount: 2, maxRetries: 2 })).toEqual({
      status: "FAILED",
      retry: false,
    });
  });

  test("a timeout and an exceeded cap are not tried again", () => {
    expect(decideEnding({ ...failed, reason: "Timeout", maxRetries: 5 })).toEqual({
      status: "TIMEOUT",
      retry: false,
    });
    expect(decideEnding({ ...failed, reason: "ResourceExceeded", maxRetries: 5 })).toEqual({
      status: "FAILED",
      retry: false,
    });
  });

  test("a job that was asked to cancel is never tried again", () => {
    const asked = { ...failed, maxRetries: 5, cancelRequested: true };
    expect(decideEnding(asked)).toEqual({ status: "FAILED", retry: false });
    expect(decideEnding({ ...asked, reason: "NodeLost" })).toEqual({ status: "CANCELLED", retry: false });
    expect(decideEnding({ ...asked, outcome: "CANCELLED" })).toEqual({ status: "CANCELLED", retry: false });
  });
});

describe("the delay before a retry", () => {
  test("doubles from one second to five minutes, half of it by chance", () => {
    expect([0, 1, 2, 3].map((n) => retryDelayMs(n, () => 1))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(retryDelayMs(3, () => 0)).toBe(4_000);
    expect(retryDelayMs(1_000, () => 1)).toBe(300_000);
  });
});
