import { describe, expect, test } from "bun:test";
import { type Reason, reasons } from "../../shared/reasons.ts";
import { decideEnding, type Ending, retryDelayMs } from "./retry-decision.ts";

const failed: Ending = {
  outcome: "FAILED",
  reason: undefined,
  retryCount: 0,
  lostCount: 0,
  agentDeaths: 0,
  maxRetries: 0,
  byRetryOn: undefined,
  cancelRequested: false,
};

describe("when an execution ends", () => {
  test("success is final, even if a cancel came too late", () => {
    const ending = { ...failed, outcome: "SUCCEEDED", maxRetries: 3, cancelRequested: true } as const;
    expect(decideEnding(ending)).toEqual({ status: "SUCCESS", retry: false });
  });

  test("maxRetries 0 means no retry for any reason", () => {
    for (const reason of Object.keys(reasons) as Reason[]) {
      expect(decideEnding({ ...failed, reason })).toEqual({ status: reasons[reason].status, retry: false });
    }
  });

  test("a failed job is retried until maxRetries is used up", () => {
    expect(decideEnding({ ...failed, retryCount: 1, maxRetries: 2 })).toEqual({
      retry: true,
      lost: false,
    });
    expect(decideEnding({ ...failed, retryCount: 2, maxRetries: 2 })).toEqual({
      status: "FAILED",
      retry: false,
    });
  });

  test("lost nodes are counted separately from the job's own failures", () => {
    const worn = { ...failed, retryCount: 2, maxRetries: 2 };
    expect(decideEnding({ ...worn, reason: "NodeLost", lostCount: 1 })).toEqual({ retry: true, lost: true });
    expect(decideEnding({ ...worn, reason: "NodeLost", lostCount: 2 })).toEqual({
      status: "FAILED",
      retry: false,
    });
  });

  test("a job that killed its agent three times is never retried", () => {
    const eager: Ending = {
      ...failed,
      reason: "AgentRestarted",
      maxRetries: 100,
      byRetryOn: true,
    };
    expect(decideEnding({ ...eager, agentDeaths: 1 })).toEqual({ retry: true, lost: true });
    const over = { status: "FAILED", retry: false, killsAgents: true } as const;
    expect(decideEnding({ ...eager, agentDeaths: 2 })).toEqual(over);
    expect(decideEnding({ ...eager, agentDeaths: 2, byRetryOn: undefined })).toEqual(over);
    expect(decideEnding({ ...eager, agentDeaths: 2, reason: "NodeLost", byRetryOn: undefined }).retry).toBe(
      true,
    );
    expect(decideEnding({ ...eager, agentDeaths: 2, cancelRequested: true })).toEqual({
      status: "CANCELLED",
      retry: false,
    });
  });

  test("retryOn, if a job has it, alone decides what is retried", () => {
    const eager: Ending = { ...failed, maxRetries: 5 };
    expect(decideEnding({ ...eager, byRetryOn: true }).retry).toBe(true);
    expect(decideEnding({ ...eager, byRetryOn: false }).retry).toBe(false);
    expect(decideEnding({ ...eager, byRetryOn: true, reason: "Timeout" }).retry).toBe(true);
    expect(decideEnding({ ...eager, byRetryOn: false, reason: "NodeLost" }).retry).toBe(false);
  });

  test("a timeout and an exceeded cap are not retried", () => {
    expect(decideEnding({ ...failed, reason: "Timeout", maxRetries: 5 })).toEqual({
      status: "TIMEOUT",
      retry: false,
    });
    expect(decideEnding({ ...failed, reason: "ResourceExceeded", maxRetries: 5 })).toEqual({
      status: "FAILED",
      retry: false,
    });
  });

  test("a cancelled job is never retried", () => {
    const asked = { ...failed, maxRetries: 5, cancelRequested: true };
    expect(decideEnding(asked)).toEqual({ status: "FAILED", retry: false });
    expect(decideEnding({ ...asked, reason: "NodeLost" })).toEqual({ status: "CANCELLED", retry: false });
    expect(decideEnding({ ...asked, outcome: "CANCELLED" })).toEqual({ status: "CANCELLED", retry: false });
  });
});

describe("the delay before a retry", () => {
  test("doubles from one second to five minutes, half of it random", () => {
    expect([0, 1, 2, 3].map((n) => retryDelayMs(n, () => 1))).toEqual([1_000, 2_000, 4_000, 8_000]);
    expect(retryDelayMs(3, () => 0)).toBe(4_000);
    expect(retryDelayMs(1_000, () => 1)).toBe(300_000);
  });
});
