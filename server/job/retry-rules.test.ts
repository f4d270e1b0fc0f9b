import { expect, test } from "bun:test";
import type { JobStatus } from "../../shared/job-state.ts";
import { jobManifest } from "../../shared/manifest.ts";
import type { JobRecord } from "./job-record.ts";
import { newJob } from "./job-rules.ts";
import { heldAgain, queuedAgain, type RetryOrder, reopened } from "./retry-rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const by = { businessId: "biz", userId: "usr" };
const jobOf = (status: JobStatus, more: object = {}): JobRecord => ({
  ...newJob(by, jobManifest.parse({ command: "true", queueTtlSeconds: 60, ...more }), {}, AT_MS),
  status,
  gate: undefined,
});

test("what a retry makes of a job follows from how the one stands that it comes after", () => {
  const [first, group] = [jobOf("SUCCESS"), { concurrency: { group: "g" } }];
  const after = [{ jobId: first.jobId }];
  // How the other stands, and then by-hand, in-set, behind: the gate, or "not" for not queued again.
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

test("only what is over is queued again, and a skipped job whose other is gone stays as it is", () => {
  for (const status of ["QUEUED", "ASSIGNED", "RUNNING"] as const) {
    expect(queuedAgain(jobOf(status), "by-hand", new Map(), AT_MS)).toBeUndefined();
  }
  const skipped = jobOf("CANCELLED", { after: [{ jobId: jobOf("FAILED").jobId }] });
  const end = { reason: "Skipped" } as const;
  expect(queuedAgain({ ...skipped, end }, "in-set", new Map(), AT_MS)).toBeUndefined();
});

test("a job is held again only while it is queued and nothing holds it for that already", () => {
  const cases: [JobStatus, JobRecord["gate"], JobRecord["gate"] | "as it was"][] = [
    ["QUEUED", undefined, "after"],
    ["QUEUED", "group", "after"],
    ["QUEUED", "after", "as it was"],
    ["QUEUED", "array", "as it was"],
    ["ASSIGNED", undefined, "as it was"],
    ["RUNNING", undefined, "as it was"],
    ["SUCCESS", undefined, "as it was"],
    ["CANCELLED", undefined, "as it was"],
  ];
  for (const [status, gate, then] of cases) {
    const next = heldAgain({ ...jobOf(status), gate });
    expect([status, gate, next ? next.gate : "as it was"]).toEqual([status, gate, then]);
  }
});

test("an array that is over is open again, and one that is open stays as it is", () => {
  const array = { ...jobOf("QUEUED", { array: "1-2" }), gate: "array" as const };
  for (const status of ["QUEUED", "RUNNING"] as const) {
    expect(reopened({ ...array, status })).toEqual({ ...array, status });
  }
  for (const status of ["SUCCESS", "FAILED", "CANCELLED"] as const) {
    const over = { ...array, status, gate: undefined, cancelRequestedAtMs: AT_MS, finishedAtMs: AT_MS };
    expect(reopened({ ...over, end: { message: "1 of 2 jobs succeeded." } })).toEqual(array);
  }
});
