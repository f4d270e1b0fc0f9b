import { expect, test } from "bun:test";
import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import { jobStatus } from "../../shared/job-status.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { applyProgress, judgeAfter, namedBefore, releaseHeld, skipHeld, tally } from "./flow-rules.ts";
import type { JobRecord } from "./job-record.ts";
import { newJob } from "./job-rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const by = { businessId: "biz", userId: "usr" };

function jobOf(manifest: Partial<JobManifestInput> = {}, changes: Partial<JobRecord> = {}): JobRecord {
  return { ...newJob(by, jobManifest.parse({ command: "true", ...manifest }), {}, AT_MS), ...changes };
}

const byId = (...jobs: JobRecord[]) => new Map(jobs.map((job) => [job.jobId, job]));

test("each condition waits until the other job ends, and then goes or skips by its status", () => {
  const open = { QUEUED: "wait", ASSIGNED: "wait", RUNNING: "wait" };
  const expected: Record<"success" | "failure" | "any", Record<JobStatus | "gone", string>> = {
    success: {
      ...open,
      SUCCESS: "go",
      FAILED: "skip",
      TIMEOUT: "skip",
      CANCELLED: "skip",
      gone: "skip",
    },
    failure: {
      ...open,
      SUCCESS: "skip",
      FAILED: "go",
      TIMEOUT: "go",
      CANCELLED: "go",
      gone: "skip",
    },
    any: {
      ...open,
      SUCCESS: "go",
      FAILED: "go",
      TIMEOUT: "go",
      CANCELLED: "go",
      gone: "skip",
    },
  };
  for (const on of ["success", "failure", "any"] as const) {
    for (const status of [...jobStatus.options, "gone"] as const) {
      const other = jobOf({}, status === "gone" ? {} : { status });
      const job = jobOf({ after: [{ jobId: other.jobId, on }] });
      const { kind } = judgeAfter(job, status === "gone" ? new Map() : byId(other));
      expect([on, status, kind as string]).toEqual([on, status, expected[on][status]]);
    }
  }
});

test("one condition that can no longer come true skips the job, while others still wait", () => {
  const [failed, running, done] = (["FAILED", "RUNNING", "SUCCESS"] as const).map((status) =>
    jobOf({}, { status }),
  );
  if (!failed || !running || !done) throw new Error("Three jobs were asked for");
  const after = (...jobs: JobRecord[]) => jobOf({ after: jobs.map(({ jobId }) => ({ jobId })) });
  const job = after(running, failed);
  expect(namedBefore(job)).toEqual([running.jobId, failed.jobId]);
  expect(judgeAfter(job, byId(failed, running))).toEqual({
    kind: "skip",
    message: `It comes after the success of job ${failed.jobId}, which ended as FAILED.`,
  });
  expect(judgeAfter(after(running, done), byId(running, done))).toEqual({ kind: "wait" });
  expect(judgeAfter(jobOf(), new Map())).toEqual({ kind: "go" });
});

test("only an unfinished job behind the gate `after` is let go or skipped", () => {
  for (const gate of ["after", "group", "array", undefined] as const) {
    for (const status of jobStatus.options) {
      const state = { job: jobOf({}, { gate, status }), execution: undefined };
      const isHeld = gate === "after" && !isFinal(status);
      expect([gate, status, releaseHeld(state, AT_MS).job !== undefined]).toEqual([gate, status, isHeld]);
      // Only queued jobs have a gate.
      if (!isHeld || status === "QUEUED") {
        expect([gate, status, skipHeld(state, "why", AT_MS).job !== undefined]).toEqual([
          gate,
          status,
          isHeld,
        ]);
      } else expect(() => skipHeld(state, "why", AT_MS)).toThrow(`A job that is ${status} cannot skip.`);
    }
  }
});

test("a job that is let go waits for its turn in its group, and its queue TTL counts from now or from its start", () => {
  const startMs = AT_MS + 3_600_000;
  const cases: [Partial<JobManifestInput>, notBeforeMs: number | undefined, JobRecord["gate"], number][] = [
    [{}, undefined, undefined, AT_MS + 60_000],
    [{ concurrency: { group: "g" } }, undefined, "group", AT_MS + 60_000],
    [{}, startMs, undefined, startMs + 60_000],
  ];
  for (const [manifest, notBeforeMs, gate, queueDeadlineMs] of cases) {
    const job = jobOf({ queueTtlSeconds: 60, ...manifest }, { gate: "after", notBeforeMs });
    const { result } = releaseHeld({ job, execution: undefined }, AT_MS);
    expect([result?.gate, result?.queueDeadlineMs]).toEqual([gate, queueDeadlineMs]);
  }
});

test("a skipped job says why, and keeps no gate", () => {
  const job = jobOf({}, { gate: "after", notBeforeMs: AT_MS + 5 });
  const { result } = skipHeld({ job, execution: undefined }, "why", AT_MS);
  expect(result).toMatchObject({ status: "CANCELLED", end: { reason: "Skipped", message: "why" } });
  expect([result?.gate, result?.notBeforeMs, result?.finishedAtMs]).toEqual([undefined, undefined, AT_MS]);
});

test("an array begins with the first of its jobs and ends with the last; its status follows from theirs", () => {
  const cases: [Partial<Record<JobStatus, number>>, from: JobStatus, to: JobStatus | "unchanged"][] = [
    [{}, "QUEUED", "unchanged"],
    [{ QUEUED: 3 }, "QUEUED", "unchanged"],
    [{ QUEUED: 2, ASSIGNED: 1 }, "QUEUED", "unchanged"],
    [{ QUEUED: 2, RUNNING: 1 }, "QUEUED", "RUNNING"],
    [{ QUEUED: 2, FAILED: 1 }, "QUEUED", "RUNNING"],
    [{ QUEUED: 2, SUCCESS: 1 }, "RUNNING", "unchanged"],
    [{ SUCCESS: 3 }, "RUNNING", "SUCCESS"],
    [{ SUCCESS: 3 }, "QUEUED", "SUCCESS"],
    [{ SUCCESS: 2, FAILED: 1 }, "RUNNING", "FAILED"],
    [{ SUCCESS: 2, TIMEOUT: 1 }, "RUNNING", "FAILED"],
    [{ SUCCESS: 2, CANCELLED: 1 }, "RUNNING", "CANCELLED"],
    [{ FAILED: 2, CANCELLED: 1 }, "RUNNING", "FAILED"],
    [{ SUCCESS: 3 }, "SUCCESS", "unchanged"],
    [{ SUCCESS: 2, RUNNING: 1 }, "FAILED", "unchanged"],
  ];
  for (const [counts, from, to] of cases) {
    const progress = new Map(Object.entries(counts) as [JobStatus, number][]);
    const array = jobOf({ array: "1-3" }, { status: from });
    const next = applyProgress(array, progress, AT_MS);
    expect([counts, from, next?.status ?? "unchanged"]).toEqual([counts, from, to]);
    if (next && isFinal(next.status)) {
      const { succeeded, total } = tally(progress);
      expect(next.end?.message).toBe(`${succeeded} of ${total} jobs succeeded.`);
    }
  }
});

test("an array that was cancelled is CANCELLED unless all its jobs succeeded", () => {
  const array = jobOf({ array: "1-2" }, { status: "RUNNING", cancelRequestedAtMs: AT_MS });
  const end = (counts: [JobStatus, number][]) => applyProgress(array, new Map(counts), AT_MS)?.status;
  expect(
    end([
      ["FAILED", 1],
      ["CANCELLED", 1],
    ]),
  ).toBe("CANCELLED");
  expect(end([["SUCCESS", 2]])).toBe("SUCCESS");
});
