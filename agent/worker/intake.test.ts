import { describe, expect, test } from "bun:test";
import type { Assignment } from "../../shared/node.ts";
import { assignmentOf } from "../../tests/support/agent/assignment.ts";
import { ServerClock } from "../session/server-clock.ts";
import { Intake } from "./intake.ts";

const HOUR_MS = 3_600_000;

/** An intake whose executions run until the test ends them. */
function stage(slots: number, maxJobs?: number) {
  const begun: string[] = [];
  const running = new Set<string>();
  const warnings: string[] = [];
  const clock = new ServerClock();
  const intake = new Intake({
    slots,
    maxJobs,
    clock,
    log: { info: () => {}, warn: (text) => void warnings.push(text), error: () => {} },
    running: () => running.size,
    held: () => running.size,
    isHeld: (executionId) => running.has(executionId),
    begin: ({ executionId }) => {
      begun.push(executionId);
      running.add(executionId);
    },
  });
  return { intake, begun, running, warnings, clock };
}

const assignments = (count: number): Assignment[] =>
  Array.from({ length: count }, () => assignmentOf({ command: "true" }));
const idsOf = (given: readonly Assignment[]) => given.map((assignment) => assignment.executionId);

describe("an open intake", () => {
  test("begins an assignment when it arrives, and the same assignment only once", () => {
    const { intake, begun } = stage(4);
    const given = assignments(2);
    intake.assign(given);
    intake.assign(given);
    expect(begun).toEqual(idsOf(given));
  });

  test("asks for as many jobs as it has slots, even when some are taken", () => {
    const { intake } = stage(3);
    intake.assign(assignments(2));
    expect(intake.wanted).toBe(3);
  });

  test("does not begin an assignment without a free slot, and logs that", () => {
    const { intake, begun, warnings } = stage(1);
    const [first, second] = assignments(2) as [Assignment, Assignment];
    intake.assign([first, second]);
    expect(begun).toEqual([first.executionId]);
    expect(warnings).toEqual([expect.stringContaining(`No slot is free for ${second.executionId}`)]);
  });

  test("does not begin an assignment whose lease has run out by the server's clock, and logs that", () => {
    const { intake, begun, warnings, clock } = stage(1);
    const localMs = Date.now();
    clock.sample(new Date(localMs + HOUR_MS).toISOString(), localMs, localMs);
    const [late] = assignments(1) as [Assignment];
    intake.assign([{ ...late, leaseExpiresAt: new Date(localMs + HOUR_MS / 2).toISOString() }]);
    expect(begun).toEqual([]);
    expect(warnings).toEqual([expect.stringContaining(late.executionId)]);
  });
});

test("an intake that holds starts counts what waits as begun, and asks for fewer jobs", () => {
  const { intake, begun } = stage(4, 3);
  const release = intake.holdStarts();
  const given = assignments(2);
  intake.assign(given);
  expect(begun).toEqual([]);
  expect(intake.waiting).toEqual(idsOf(given));
  expect(intake.wanted).toBe(1);
  release();
  expect(begun).toEqual(idsOf(given));
  expect(intake.waiting).toEqual([]);
});

test("an intake that drains begins nothing any more, not even what waits, and logs nothing about it", () => {
  const { intake, begun, warnings } = stage(4);
  let drained = 0;
  intake.drained.subscribe(() => drained++);
  const release = intake.holdStarts();
  intake.assign(assignments(1));
  intake.drain();
  release();
  expect(drained).toBe(1);
  expect(intake.wanted).toBe(0);
  expect(begun).toEqual([]);
  expect(warnings).toEqual([]);
});

test("an intake drains by itself when it has begun maxJobs jobs, even if they have ended", () => {
  const { intake, running } = stage(1, 2);
  intake.assign(assignments(1));
  running.clear();
  expect(intake.isDraining).toBe(false);
  expect(intake.wanted).toBe(1);
  intake.assign(assignments(1));
  expect(intake.isDraining).toBe(true);
});
