import { expect, test } from "bun:test";
import {
  type ArrayEvent,
  type ExecutionEvent,
  executionEndEvent,
  finalEvent,
  ImpossibleTransitionError,
  isFinal,
  type JobEvent,
  nextArrayStatus,
  nextExecutionStatus,
  nextJobStatus,
  statusesBefore,
} from "./job-state.ts";
import { executionStatus, finalJobStatus, jobStatus } from "./job-status.ts";

const jobEvents: JobEvent[] = [
  ...(["assign", "start", "release", "requeue", "retry"] as const),
  ...(["succeed", "fail", "timeout", "cancel", "skip", "expire"] as const),
];

/** The status after each event, "" for an event that means nothing in that status. */
function table<Status extends string, Event extends string>(
  statuses: readonly Status[],
  events: readonly Event[],
  next: (status: Status, event: Event) => Status,
): Record<string, string[]> {
  const after = (status: Status, event: Event) => {
    try {
      return next(status, event);
    } catch (error) {
      expect(error).toBeInstanceOf(ImpossibleTransitionError);
      return "";
    }
  };
  return Object.fromEntries(statuses.map((status) => [status, events.map((event) => after(status, event))]));
}

test("every event of a job leads to one status, and one that means nothing there throws", () => {
  const ends = ["SUCCESS", "FAILED", "TIMEOUT", "CANCELLED"];
  const onlyRetry = ["", "", "", "", "QUEUED", "", "", "", "", "", ""];
  expect(table(jobStatus.options, jobEvents, nextJobStatus)).toEqual({
    // assign, start, release, requeue, retry, then succeed, fail, timeout, cancel, skip, expire
    QUEUED: ["ASSIGNED", "", "", "", "", "", "", "", "CANCELLED", "CANCELLED", "TIMEOUT"],
    ASSIGNED: ["", "RUNNING", "QUEUED", "QUEUED", "", ...ends, "", ""],
    RUNNING: ["", "", "", "QUEUED", "", ...ends, "", ""],
    SUCCESS: onlyRetry,
    FAILED: onlyRetry,
    TIMEOUT: onlyRetry,
    CANCELLED: onlyRetry,
  });
});

test("an array begins once, ends from QUEUED or RUNNING, and only reopens after that", () => {
  const events: ArrayEvent[] = ["begin", "succeed", "fail", "cancel", "reopen"];
  expect(table(jobStatus.options, events, nextArrayStatus)).toEqual({
    QUEUED: ["RUNNING", "SUCCESS", "FAILED", "CANCELLED", ""],
    ASSIGNED: ["", "", "", "", ""],
    RUNNING: ["", "SUCCESS", "FAILED", "CANCELLED", ""],
    SUCCESS: ["", "", "", "", "QUEUED"],
    FAILED: ["", "", "", "", "QUEUED"],
    TIMEOUT: ["", "", "", "", ""],
    CANCELLED: ["", "", "", "", "QUEUED"],
  });
});

test("an execution starts once, ends once, and nothing leads out of its end", () => {
  const events: ExecutionEvent[] = ["start", "succeed", "fail", "cancel"];
  const ended = ["", "", "", ""];
  expect(table(executionStatus.options, events, nextExecutionStatus)).toEqual({
    ASSIGNED: ["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"],
    RUNNING: ["", "SUCCEEDED", "FAILED", "CANCELLED"],
    SUCCEEDED: ended,
    FAILED: ended,
    CANCELLED: ended,
  });
});

test("each final status has the event that leads to it, from a job that runs", () => {
  for (const status of finalJobStatus.options)
    expect(nextJobStatus("RUNNING", finalEvent[status])).toBe(status);
  for (const [status, event] of Object.entries(executionEndEvent)) {
    expect(nextExecutionStatus("RUNNING", event) as string).toBe(status);
  }
  expect(jobStatus.options.filter(isFinal)).toEqual(finalJobStatus.options);
});

test("a lease expires only before the start, and only a job that is not over can be cancelled", () => {
  expect(statusesBefore("release")).toEqual(["ASSIGNED"]);
  expect(statusesBefore("cancel")).toEqual(["QUEUED", "ASSIGNED", "RUNNING"]);
});
