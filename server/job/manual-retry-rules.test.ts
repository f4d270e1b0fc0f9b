import { expect, test } from "bun:test";
import type { JobStatus } from "../../shared/job-state.ts";
import { jobManifest } from "../../shared/manifest.ts";
import type { JobRecord } from "./job-record.ts";
import { newJob } from "./job-rules.ts";
import { heldAgain, queuedAgain, type RetryOrder, reopened } from "./manual-retry-rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const by = { businessId: "biz", userId: "usr" };
const jobOf = (status: JobStatus, more: object = {}): JobRecord => ({
  ...newJob(by, jobManifest.parse({ command: "true", queueTtlSeconds: 60, ...more }), {}, AT_MS),
  status,
  gate: undefined,
});

test("the status of the job that a retried job comes after decides whether it runs, waits or stays", () => {
  const first = jobOf("SUCCESS");
  const group = { concurrency: { group: "g" } };
  const after = [{ jobId: first.jobId }];
  // The status of the other job; then for by-hand, in-set and behind: the gate, or "not" if it is not queued again.
  const cases: [JobStatus | "gone", ...string[]][] = [
    ["QUEUED", "after", "after", "after"],
    ["ASSIGNED", "after", "after", "after"],
    ["RUNNING", "after", "after", "after"],
    ["SUCCESS", "none", "none", "after"],
    ["FAILED", "none", "not", "after"],
    ["TIMEOUT", "none", "not", "after"],
    ["CANCELLED", "none", "not", "after"],
    ["gone", "none", "none", "after"],
  ];
  const orders: RetryOrder[] = ["by-hand", "in-set", "behind"];
  for (const [status, ...holds] of cases) {
    const others = new Map(status === "gone" ? [] : [[first.jobId, { ...first, status }]]);
    const found = orders.map((order) => {
      const next = queuedAgain(jobOf("FAILED", { after }), order, others, AT_MS);
      expect(next?.queueDeadlineMs).toBe(next && next.gate !== "after" ? AT_MS + 60_000 : undefined);
      return next ? (next.gate ?? "none") : "not";
    });
    expect([status as string, ...found]).toEqual([status, ...holds]);
  }
  const grouped = queuedAgain(jobOf("FAILED", { after, ...group }), "by-hand", new Map(), AT_MS);
  expect(grouped?.gate).toBe("group");
});

test("only a finished job is queued again, and a skipped job stays skipped if the job it comes after is gone", () => {
  for (const status of ["QUEUED", "ASSIGNED", "RUNNING"] as const) {
    expect(queuedAgain(jobOf(status), "by-hand", new Map(), AT_MS)).toBeUndefined();
  }
  const skipped = jobOf("CANCELLED", { after: [{ jobId: jobOf("FAILED").jobId }] });
  const end = { reason: "Skipped" } as const;
  expect(queuedAgain({ ...skipped, end }, "in-set", new Map(), AT_MS)).toBeUndefined();
});

test("only a queued job that is no array and does not wait for other jobs already is held again", () => {
  const cases: [JobStatus, JobRecord["gate"], JobRecord["gate"] | "unchanged"][] = [
    ["QUEUED", undefined, "after"],
    ["QUEUED", "group", "after"],
    ["QUEUED", "after", "unchanged"],
    ["QUEUED", "array", "unchanged"],
    ["ASSIGNED", undefined, "unchanged"],
    ["RUNNING", undefined, "unchanged"],
    ["SUCCESS", undefined, "unchanged"],
    ["CANCELLED", undefined, "unchanged"],
  ];
  for (const [status, gate, then] of cases) {
    const next = heldAgain({ ...jobOf(status), gate });
    expect([status, gate, next ? next.gate : "unchanged"]).toEqual([status, gate, then]);
  }
});

test("a finished array is reopened, and an open array stays unchanged", () => {
  const array = { ...jobOf("QUEUED", { array: "1-2" }), gate: "array" as const };
  for (const status of ["QUEUED", "RUNNING"] as const) {
    expect(reopened({ ...array, status })).toEqual({ ...array, status });
  }
  for (const status of ["SUCCESS", "FAILED", "CANCELLED"] as const) {
    const over = { ...array, status, gate: undefined, cancelRequestedAtMs: AT_MS, finishedAtMs: AT_MS };
    expect(reopened({ ...over, end: { message: "1 of 2 jobs succeeded." } })).toEqual(array);
  }
});
