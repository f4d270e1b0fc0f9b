import { expect, test } from "bun:test";
import type { ExecutionStatus, JobStatus } from "../../shared/job-state.ts";
import { executionStatus, jobStatus } from "../../shared/job-status.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import type { ExecutionReport } from "../../shared/node.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import { newJob } from "../job/job-rules.ts";
import type { Decision } from "../job/job-store.ts";
import {
  applyReport,
  endExecution,
  expireQueued,
  giveUp,
  putBack,
  releaseLease,
  renewDeadline,
  renewLease,
} from "./rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const executionId = "exe_1";

interface Setup {
  manifest?: Partial<JobManifestInput>;
  job?: Partial<JobRecord>;
  execution?: Partial<ExecutionRecord>;
}

/** A job and its current execution, in these statuses. */
function stateOf(status: JobStatus, live: ExecutionStatus, { manifest, job, execution }: Setup = {}) {
  const parsed = jobManifest.parse({ command: "true", ...manifest });
  const queued = newJob({ businessId: "biz", userId: "usr" }, parsed, {}, AT_MS - 60_000);
  const nodeId = "node_1";
  return {
    job: { ...queued, status, attempt: 1, executionId, nodeId, assignedAtMs: AT_MS - 10_000, ...job },
    execution: {
      executionId,
      jobId: queued.jobId,
      businessId: "biz",
      userId: "usr",
      nodeId,
      attempt: 1,
      status: live,
      resources: parsed.resources,
      gpuIndexes: [],
      leaseExpiresAtMs: AT_MS - 1,
      deadlineAtMs: undefined,
      end: undefined,
      assignedAtMs: AT_MS - 10_000,
      startedAtMs: undefined,
      finishedAtMs: undefined,
      ...execution,
    } satisfies ExecutionRecord,
  };
}

const reportOf = (status: ExecutionReport["status"], more: Partial<ExecutionReport> = {}): ExecutionReport =>
  ({ executionId, status, at: new Date(AT_MS).toISOString(), ...more }) as ExecutionReport;

/** `JOB/EXECUTION` after the decision, or "unchanged". */
function after({ job, execution }: Decision<unknown>): string {
  return job || execution ? `${job?.status ?? "-"}/${execution?.status ?? "-"}` : "unchanged";
}

test("a job that its node gives back unstarted is queued again as it was, and nothing of the execution is kept", () => {
  const state = stateOf("ASSIGNED", "ASSIGNED", { manifest: { maxRetries: 1 }, job: { retryCount: 1 } });
  const report = reportOf("RETURNED", { message: "No slot became free." });
  const { job, execution, removed, result } = applyReport(state, report, AT_MS);
  expect(result).toEqual({ outcome: "applied", job });
  expect(job).toMatchObject({ jobId: state.job.jobId, status: "QUEUED", retryCount: 1, lostCount: 0 });
  expect(job?.attempt).toBe(state.job.attempt - 1);
  expect(job).toMatchObject({ nodeId: undefined, executionId: undefined, notBeforeMs: undefined });
  expect(execution).toBeUndefined();
  expect(removed).toBe(state.execution);
});

test("a job that its node gives back after somebody cancelled it is CANCELLED; one that it has started stays", () => {
  const cancelled = stateOf("ASSIGNED", "ASSIGNED", { job: { cancelRequestedAtMs: AT_MS - 1 } });
  expect(after(applyReport(cancelled, reportOf("RETURNED"), AT_MS))).toBe("CANCELLED/CANCELLED");
  const running = stateOf("RUNNING", "RUNNING", { execution: { startedAtMs: AT_MS - 1 } });
  expect(applyReport(running, reportOf("RETURNED"), AT_MS)).toEqual({ result: { outcome: "stale" } });
  expect(applyReport(undefined, reportOf("RETURNED"), AT_MS)).toEqual({ result: { outcome: "stale" } });
});

test("a report moves a live execution and its job, is repeated once they have moved, and is stale otherwise", () => {
  const reports = ["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"] as const;
  const expected: Record<ExecutionStatus, string[]> = {
    ASSIGNED: ["RUNNING/RUNNING", "SUCCESS/SUCCEEDED", "FAILED/FAILED", "CANCELLED/CANCELLED"],
    RUNNING: ["repeated", "SUCCESS/SUCCEEDED", "FAILED/FAILED", "CANCELLED/CANCELLED"],
    SUCCEEDED: ["repeated", "repeated", "stale", "stale"],
    FAILED: ["repeated", "stale", "repeated", "stale"],
    CANCELLED: ["repeated", "stale", "stale", "repeated"],
  };
  const jobIn: Record<ExecutionStatus, JobStatus> = {
    ASSIGNED: "ASSIGNED",
    RUNNING: "RUNNING",
    SUCCEEDED: "SUCCESS",
    FAILED: "FAILED",
    CANCELLED: "CANCELLED",
  };
  for (const status of executionStatus.options) {
    const startedAtMs = status === "ASSIGNED" ? undefined : AT_MS - 5_000;
    const state = stateOf(jobIn[status], status, { execution: { startedAtMs } });
    const found = reports.map((report) => {
      const decision = applyReport(state, reportOf(report), AT_MS);
      const { outcome } = decision.result;
      expect(after(decision) === "unchanged").toBe(outcome !== "applied");
      return outcome === "applied" ? after(decision) : outcome;
    });
    expect([status as string, ...found]).toEqual([status, ...expected[status]]);
  }
});

test("a report about an execution that is no longer the job's current one changes nothing", () => {
  const other = stateOf("RUNNING", "RUNNING", { job: { executionId: "exe_2" } });
  for (const report of ["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"] as const) {
    expect(applyReport(other, reportOf(report), AT_MS)).toEqual({ result: { outcome: "stale" } });
    expect(applyReport(undefined, reportOf(report), AT_MS)).toEqual({ result: { outcome: "stale" } });
  }
});

test("an agent that still runs an execution that was given up is told that it is over", () => {
  const end = { reason: "NodeLost" } as const;
  const givenUp = stateOf("FAILED", "FAILED", { execution: { end, startedAtMs: AT_MS - 5_000 } });
  expect(applyReport(givenUp, reportOf("RUNNING"), AT_MS).result.outcome).toBe("stale");
});

test("the agent's clock counts only between the assignment and now", () => {
  const cases: [reportedMs: number, storedMs: number][] = [
    [AT_MS - 5_000, AT_MS - 5_000],
    [AT_MS - 3_600_000, AT_MS - 10_000],
    [AT_MS + 3_600_000, AT_MS],
  ];
  for (const [reportedMs, storedMs] of cases) {
    const at = new Date(reportedMs).toISOString();
    const start = applyReport(stateOf("ASSIGNED", "ASSIGNED"), reportOf("RUNNING", { at }), AT_MS);
    expect(start.execution?.startedAtMs).toBe(storedMs);
    const end = applyReport(stateOf("RUNNING", "RUNNING"), reportOf("SUCCEEDED", { at }), AT_MS);
    expect(end.job?.finishedAtMs).toBe(storedMs);
  }
});

test("the deadline of a started job is its timeout plus its grace period plus time for the agent to report", () => {
  const started = (manifest: Partial<JobManifestInput>) =>
    applyReport(stateOf("ASSIGNED", "ASSIGNED", { manifest }), reportOf("RUNNING"), AT_MS).execution;
  expect(started({ timeoutSeconds: 60, graceSeconds: 5 })?.deadlineAtMs).toBe(AT_MS + 95_000);
  expect(started({})?.deadlineAtMs).toBeUndefined();
});

test("a failure that may be retried queues the job again while it has retries left, and raises the right count", () => {
  const left = { manifest: { maxRetries: 1 } };
  // The reason (none: the command's own exit), then retryCount/lostCount of a job that is queued again, or its status.
  const cases: [ExecutionRecord["end"], string, string][] = [
    [{ exitCode: 1 }, "1/0", "FAILED"],
    [{ reason: "StartFailed" }, "1/0", "FAILED"],
    [{ reason: "NodeLost" }, "0/1", "FAILED"],
    [{ reason: "AgentRestarted" }, "0/1", "FAILED"],
    [{ reason: "Timeout" }, "TIMEOUT", "TIMEOUT"],
    [{ reason: "ResourceExceeded" }, "FAILED", "FAILED"],
    [{ reason: "CreditExhausted" }, "FAILED", "FAILED"],
  ];
  for (const [end = {}, withRetry, without] of cases) {
    const say = ({ job }: { job: JobRecord }) =>
      job.status === "QUEUED" ? `${job.retryCount}/${job.lostCount}` : job.status;
    const retried = endExecution(stateOf("RUNNING", "RUNNING", left), "FAILED", end, AT_MS, AT_MS);
    const final = endExecution(stateOf("RUNNING", "RUNNING"), "FAILED", end, AT_MS, AT_MS);
    expect([end, say(retried), say(final)]).toEqual([end, withRetry, without]);
    expect([retried.execution.status, final.execution.status]).toEqual(["FAILED", "FAILED"]);
  }
});

test("a job that waits for another attempt keeps only how the last attempt ended", () => {
  const manifest = { maxRetries: 3, queueTtlSeconds: 60, concurrency: { group: "g" } };
  const state = stateOf("RUNNING", "RUNNING", { manifest, job: { startedAtMs: AT_MS } });
  const { job } = endExecution(state, "FAILED", { exitCode: 7 }, AT_MS, AT_MS);
  expect(job).toMatchObject({ status: "QUEUED", gate: "group", end: { exitCode: 7 } });
  expect([job.executionId, job.nodeId, job.assignedAtMs, job.startedAtMs, job.finishedAtMs]).toEqual(
    Array.from({ length: 5 }, () => undefined),
  );
  const { notBeforeMs = 0 } = job;
  expect(notBeforeMs).toBeGreaterThan(AT_MS);
  expect(job.queueDeadlineMs).toBe(notBeforeMs + 60_000);
});

test("a cancelled job is never tried again; if only its node was lost it counts as cancelled", () => {
  const asked = { manifest: { maxRetries: 5 }, job: { cancelRequestedAtMs: AT_MS - 1 } };
  const cases: [ExecutionRecord["end"], JobStatus][] = [
    [{ exitCode: 1 }, "FAILED"],
    [{ reason: "NodeLost" }, "CANCELLED"],
    [{ reason: "Timeout" }, "TIMEOUT"],
  ];
  for (const [end = {}, status] of cases) {
    const ended = endExecution(stateOf("RUNNING", "RUNNING", asked), "FAILED", end, AT_MS, AT_MS);
    expect([end, ended.job.status as string]).toEqual([end, status]);
  }
});

test("the third agent that dies while running a job ends it, no matter how many retries it has left", () => {
  const dead = { manifest: { maxRetries: 10 }, job: { agentDeaths: 2 } };
  const state = stateOf("RUNNING", "RUNNING", dead);
  const { job } = endExecution(state, "FAILED", { reason: "AgentRestarted" }, AT_MS, AT_MS);
  expect(job).toMatchObject({ status: "FAILED", agentDeaths: 3 });
  expect(job.end?.message).toContain("3 times");
});

test("only a live, current execution is given up; only an assignment's lease is renewed, released or put back", () => {
  const events = {
    giveUp: (state: ReturnType<typeof stateOf>) => giveUp(state, "NodeLost", "Gone.", AT_MS),
    renewLease: (state: ReturnType<typeof stateOf>) => renewLease(state, AT_MS + 1),
    releaseLease: (state: ReturnType<typeof stateOf>) => releaseLease(state, AT_MS),
    putBack: (state: ReturnType<typeof stateOf>) => putBack(state, "Not now.", AT_MS),
  };
  const expected: [JobStatus, ExecutionStatus, ...string[]][] = [
    ["ASSIGNED", "ASSIGNED", "FAILED/FAILED", "-/ASSIGNED", "QUEUED/CANCELLED", "QUEUED/CANCELLED"],
    ["RUNNING", "RUNNING", "FAILED/FAILED", "unchanged", "unchanged", "unchanged"],
    ["SUCCESS", "SUCCEEDED", "unchanged", "unchanged", "unchanged", "unchanged"],
    ["FAILED", "FAILED", "unchanged", "unchanged", "unchanged", "unchanged"],
    ["CANCELLED", "CANCELLED", "unchanged", "unchanged", "unchanged", "unchanged"],
  ];
  for (const [job, execution, ...found] of expected) {
    const all = Object.values(events).map((event) => after(event(stateOf(job, execution))));
    expect([job, ...all]).toEqual([job, ...found]);
    const replaced = stateOf(job, execution, { job: { executionId: "exe_2" } });
    expect(Object.values(events).map((event) => after(event(replaced)))).toEqual(
      Array.from({ length: 4 }, () => "unchanged"),
    );
  }
});

test("an assignment that is taken back costs the job no retry; if the job was cancelled meanwhile, it ends", () => {
  const cancelRequestedAtMs = AT_MS - 1;
  for (const takeBack of [
    (state: ReturnType<typeof stateOf>) => releaseLease(state, AT_MS),
    (state: ReturnType<typeof stateOf>) => putBack(state, "Not now.", AT_MS),
  ]) {
    const { job } = takeBack(stateOf("ASSIGNED", "ASSIGNED"));
    expect(job).toMatchObject({ status: "QUEUED", retryCount: 0, lostCount: 0 });
    const cancelled = takeBack(stateOf("ASSIGNED", "ASSIGNED", { job: { cancelRequestedAtMs } }));
    expect(after(cancelled)).toBe("CANCELLED/CANCELLED");
  }
});

test("the deadline of a run whose outputs are on their way moves later and never earlier; a run without one gets none", () => {
  const moved = (deadlineAtMs: number | undefined) =>
    renewDeadline(stateOf("RUNNING", "RUNNING", { execution: { deadlineAtMs } }), AT_MS).execution
      ?.deadlineAtMs;
  expect(moved(AT_MS - 1)).toBe(AT_MS);
  expect(moved(AT_MS + 1)).toBeUndefined();
  expect(moved(undefined)).toBeUndefined();
  const over = stateOf("SUCCESS", "SUCCEEDED", { execution: { deadlineAtMs: AT_MS - 1 } });
  expect(renewDeadline(over, AT_MS).execution).toBeUndefined();
});

test("a lease that has not expired is not released; with a startTimeoutSeconds its expiry is a failed attempt", () => {
  const manifest = { startTimeoutSeconds: 5 };
  const running = stateOf("ASSIGNED", "ASSIGNED", { execution: { leaseExpiresAtMs: AT_MS + 1 } });
  expect(after(releaseLease(running, AT_MS))).toBe("unchanged");
  const limited = stateOf("ASSIGNED", "ASSIGNED", { manifest });
  expect(releaseLease(limited, AT_MS).job).toMatchObject({
    status: "FAILED",
    end: { reason: "StartTimeout" },
  });
  expect(after(renewLease(limited, AT_MS + 1))).toBe("unchanged");
});

test("an assignment that is put back waits longer each time, at most ten minutes", () => {
  const waits = [1, 2, 3, 4, 5, 6, 20].map((attempt) => {
    const { job } = putBack(stateOf("ASSIGNED", "ASSIGNED", { job: { attempt } }), "Not now.", AT_MS);
    return ((job?.notBeforeMs ?? 0) - AT_MS) / 1_000;
  });
  expect(waits).toEqual([30, 60, 120, 240, 480, 600, 600]);
});

test("only a queued job past its deadline expires", () => {
  for (const status of jobStatus.options) {
    for (const [queueDeadlineMs, isDue] of [
      [AT_MS, true],
      [AT_MS + 1, false],
      [undefined, false],
    ] as const) {
      const { job } = expireQueued(stateOf(status, "ASSIGNED", { job: { queueDeadlineMs } }), AT_MS);
      const expires = status === "QUEUED" && isDue;
      expect([status, queueDeadlineMs, job?.status]).toEqual([
        status,
        queueDeadlineMs,
        expires ? "TIMEOUT" : undefined,
      ]);
    }
  }
});
