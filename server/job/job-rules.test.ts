import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import { jobStatus } from "../../shared/job-status.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import type { JobRecord } from "./job-record.ts";
import { cancelled, isTooLate, newArray, newJob, requeue, retried } from "./job-rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const by = { businessId: "biz", userId: "usr" };
const otherId = newId("job");

function jobOf(manifest: Partial<JobManifestInput> = {}, changes: Partial<JobRecord> = {}): JobRecord {
  return { ...newJob(by, jobManifest.parse({ command: "true", ...manifest }), {}, AT_MS), ...changes };
}

test("the manifest decides the gate of a new job, and only a job that waits for a node can expire", () => {
  const after = [{ jobId: otherId }];
  const concurrency = { group: "g" };
  const cases: [Partial<JobManifestInput>, JobRecord["gate"], deadlineMs: number | undefined][] = [
    [{}, undefined, AT_MS + 60_000],
    [{ concurrency }, "group", AT_MS + 60_000],
    [{ after }, "after", undefined],
    [{ after, concurrency }, "after", undefined],
    [{ array: "1-3" }, "array", undefined],
    [{ array: "1-3", concurrency }, "array", undefined],
  ];
  for (const [manifest, gate, queueDeadlineMs] of cases) {
    const job = jobOf({ queueTtlSeconds: 60, ...manifest });
    expect([manifest, job.gate, job.queueDeadlineMs]).toEqual([manifest, gate, queueDeadlineMs]);
    expect(job.status).toBe("QUEUED");
  }
});

test("a start time in the past holds nothing back, and one in the future moves the deadline", () => {
  const startMs = AT_MS + 3_600_000;
  const later = jobOf({ notBefore: new Date(startMs).toISOString(), queueTtlSeconds: 60 });
  expect([later.notBeforeMs, later.queueDeadlineMs]).toEqual([startMs, startMs + 60_000]);
  const past = jobOf({ notBefore: new Date(AT_MS - 1).toISOString(), queueTtlSeconds: 60 });
  expect([past.notBeforeMs, past.queueDeadlineMs]).toEqual([undefined, AT_MS + 60_000]);
  expect(isTooLate(startMs, new Date(startMs).toISOString(), AT_MS)).toBe(false);
  expect(isTooLate(startMs + 86_400_000, "+10m", AT_MS)).toBe(true);
});

test("cancelling ends a queued job, asks for the end of a running job, and changes no finished job", () => {
  const expected: Record<JobStatus, string> = {
    QUEUED: "CANCELLED",
    ASSIGNED: "ASSIGNED, asked",
    RUNNING: "RUNNING, asked",
    SUCCESS: "unchanged",
    FAILED: "unchanged",
    TIMEOUT: "unchanged",
    CANCELLED: "unchanged",
  };
  for (const status of jobStatus.options) {
    const job = cancelled(jobOf({}, { status }), AT_MS + 1);
    expect(job?.cancelRequestedAtMs).toBe(job && AT_MS + 1);
    const said = !job ? "unchanged" : job.status === status ? `${status}, asked` : job.status;
    expect([status as string, said]).toEqual([status, expected[status]]);
    expect(cancelled(jobOf({}, { status, cancelRequestedAtMs: AT_MS }), AT_MS + 1)).toBeUndefined();
  }
});

test("a cancelled queued job keeps no gate and no start time, and a cancelled array stays open until its jobs are over", () => {
  const job = cancelled(jobOf({ concurrency: { group: "g" } }, { notBeforeMs: AT_MS + 5 }), AT_MS + 1);
  expect(job).toMatchObject({ status: "CANCELLED", finishedAtMs: AT_MS + 1 });
  expect([job?.gate, job?.notBeforeMs]).toEqual([undefined, undefined]);
  const array = cancelled(jobOf({ array: "1-3" }), AT_MS + 1);
  expect(array).toMatchObject({ status: "QUEUED", gate: "array", cancelRequestedAtMs: AT_MS + 1 });
});

test("each event queues a job again only from its own statuses", () => {
  const allowed: Record<string, JobStatus[]> = {
    release: ["ASSIGNED"],
    requeue: ["ASSIGNED", "RUNNING"],
    retry: ["SUCCESS", "FAILED", "TIMEOUT", "CANCELLED"],
  };
  for (const event of ["release", "requeue", "retry"] as const) {
    for (const status of jobStatus.options) {
      const queue = () => requeue(jobOf({}, { status }), event).status;
      if (allowed[event]?.includes(status)) expect(queue()).toBe("QUEUED");
      else expect(queue).toThrow(`A job that is ${status} cannot ${event}.`);
    }
  }
});

test("a retry by hand resets the counts, and waits again for the jobs it comes after only if it must", () => {
  const spent = {
    status: "FAILED",
    retryCount: 2,
    lostCount: 1,
    agentDeaths: 2,
    cancelRequestedAtMs: AT_MS,
  } as const;
  const manifest = { after: [{ jobId: otherId }], concurrency: { group: "g" }, queueTtlSeconds: 60 };
  const waits = retried(jobOf(manifest, spent), AT_MS, true);
  expect(waits).toMatchObject({
    status: "QUEUED",
    gate: "after",
    retryCount: 0,
    lostCount: 0,
    agentDeaths: 0,
  });
  expect([waits.queueDeadlineMs, waits.cancelRequestedAtMs]).toEqual([undefined, undefined]);
  const goes = retried(jobOf(manifest, spent), AT_MS, false);
  expect([goes.gate, goes.queueDeadlineMs]).toEqual(["group", AT_MS + 60_000]);
});

test("an array's jobs are its manifest with an index each; if only some may run at once, they share a group", () => {
  const array = jobOf({ array: "1-3%2", name: "frame", env: { A: "1" } });
  const jobs = newArray(array);
  expect(jobs.map((job) => [job.manifest.name, job.manifest.env.TANVRIT_ARRAY_INDEX, job.gate])).toEqual([
    ["frame[1]", "1", "group"],
    ["frame[2]", "2", "group"],
    ["frame[3]", "3", "group"],
  ]);
  expect(jobs.every((job) => job.arrayId === array.jobId && job.manifest.array === undefined)).toBe(true);
  expect(jobs[0]?.manifest.concurrency).toMatchObject({ group: `array:${array.jobId}`, limit: 2 });
  expect(newArray(jobOf())).toEqual([]);
});
