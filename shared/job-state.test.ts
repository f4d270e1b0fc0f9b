import { expect, test } from "bun:test";
import { isFinal, type JobStatus, jobStatus, nextJobStatus, statusesBefore } from "./job-state.ts";

const statuses = jobStatus.options as JobStatus[];

test("the happy path is QUEUED, ASSIGNED, RUNNING, SUCCESS", () => {
  expect(nextJobStatus("QUEUED", "assign")).toBe("ASSIGNED");
  expect(nextJobStatus("ASSIGNED", "start")).toBe("RUNNING");
  expect(nextJobStatus("RUNNING", "succeed")).toBe("SUCCESS");
});

test("only a retry leads out of a final status", () => {
  for (const status of statuses.filter(isFinal)) {
    for (const event of ["assign", "start", "release", "succeed", "fail", "timeout", "cancel"] as const) {
      expect(nextJobStatus(status, event)).toBeUndefined();
    }
    expect(nextJobStatus(status, "retry")).toBe("QUEUED");
  }
});

test("a lease can expire only before the start", () => {
  expect(statusesBefore("release")).toEqual(["ASSIGNED"]);
});
