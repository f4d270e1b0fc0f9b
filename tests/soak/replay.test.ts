import { expect, test } from "bun:test";
import { agendaOf } from "./agenda.ts";
import { faultsOf, type ReplayedExecution, type ReplayedJob } from "./replay.ts";

const job: ReplayedJob = { jobId: "job", status: "SUCCESS", maxRetries: 1, retryCount: 0, lostCount: 0 };
const time = (second: number) => `2026-01-01T00:00:0${second}.000Z`;

/** The `attempt`th execution, which ran for half a second. */
function execution(attempt: number, how: Partial<ReplayedExecution>): ReplayedExecution {
  const times = { startedAt: time(attempt), finishedAt: `${time(attempt).slice(0, 20)}500Z` };
  return { executionId: `exe_${attempt}`, attempt, status: "SUCCEEDED", ...times, ...how };
}

test("the same seed is the same agenda, and another seed is another", () => {
  expect(agendaOf(7)).toEqual(agendaOf(7));
  expect(agendaOf(8)).not.toEqual({ ...agendaOf(7), seed: 8 });
});

test("jobs that ended as the rules say have no fault", () => {
  const failed = execution(1, { status: "FAILED" });
  const lost = execution(1, { status: "FAILED", reason: "AgentRestarted" });
  const released = execution(1, { status: "CANCELLED", startedAt: undefined });
  expect(faultsOf(job, [execution(1, {})])).toEqual([]);
  expect(faultsOf({ ...job, retryCount: 1 }, [failed, execution(2, {})])).toEqual([]);
  expect(faultsOf({ ...job, lostCount: 1 }, [lost, execution(2, {})])).toEqual([]);
  expect(faultsOf(job, [released, execution(2, {})])).toEqual([]);
  const cancelled = { ...job, status: "CANCELLED" as const, cancelRequestedAt: time(1) };
  expect(faultsOf(cancelled, [])).toEqual([]);
  expect(faultsOf(cancelled, [execution(1, { status: "CANCELLED" })])).toEqual([]);
  expect(faultsOf(cancelled, [lost])).toEqual([]);
  expect(faultsOf({ ...job, status: "FAILED", maxRetries: 0 }, [failed])).toEqual([]);
});

test("a job is faulty that ended too early, that ran again after its end, or of which two executions overlap", () => {
  const failed = execution(1, { status: "FAILED" });
  expect(faultsOf({ ...job, status: "FAILED" }, [failed])[0]).toMatch(
    /FAILED after FAILED, .*another attempt/,
  );
  expect(faultsOf(job, [])[0]).toMatch(/SUCCESS after no execution/);
  expect(faultsOf(job, [execution(1, {}), execution(2, {})])[0]).toMatch(/exe_2 .* the job was over/);
  const early = execution(2, { startedAt: time(1) });
  expect(faultsOf({ ...job, retryCount: 1 }, [failed, early])[0]).toMatch(/exe_2 started before exe_1 ended/);
  const open = execution(1, { status: "RUNNING", finishedAt: undefined });
  expect(faultsOf(job, [open])[0]).toMatch(/exe_1 is RUNNING/);
  expect(faultsOf({ ...job, status: "CANCELLED" }, [execution(1, { status: "CANCELLED" })])[0]).toMatch(
    /CANCELLED/,
  );
});
