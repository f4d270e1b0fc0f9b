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
  const given: [string, string][] = [];
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
    giveBack: (...args) => void given.push(args),
  });
  const end = (executionId: string) => {
    running.delete(executionId);
    intake.slotFreed(performance.now());
  };
  return { intake, begun, running, warnings, clock, given, end };
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

describe("an intake of which the server takes jobs back", () => {
  function ahead(slots: number, maxJobs?: number) {
    const stand = stage(slots, maxJobs);
    stand.intake.takesAhead = true;
    return stand;
  }
  /** Some jobs end in no time. */
  const hurry = ({ intake }: ReturnType<typeof ahead>, count = 100) => {
    for (let i = 0; i < count; i++) intake.slotFreed(performance.now());
  };

  test("keeps what has no slot yet in the order of its arrival, and begins it the moment a slot is free", () => {
    const { intake, begun, end, warnings } = ahead(1);
    const [first, second, third] = idsOf(assigned(intake, 3)) as [string, string, string];
    expect(begun).toEqual([first]);
    expect(intake.waiting).toEqual([second, third]);
    expect(intake.lineLength).toBe(2);
    end(first);
    expect(begun).toEqual([first, second]);
    expect(intake.waiting).toEqual([third]);
    intake.slots = 2;
    expect(begun).toEqual([first, second, third]);
    expect(warnings).toEqual([]);
  });

  test("takes an assignment that waits already only once, and lets none pass another", () => {
    const { intake, begun, running } = ahead(1);
    const given = assigned(intake, 2);
    intake.assign(given);
    expect(intake.lineLength).toBe(1);
    running.clear();
    const late = assignments(1);
    intake.assign(late);
    expect(intake.waiting).toEqual([...idsOf(given).slice(1), ...idsOf(late)]);
    expect(begun).toEqual(idsOf(given).slice(0, 1));
  });

  test("does not begin one whose lease has run out while it waited, and gives it back", () => {
    const { intake, begun, end, clock, given } = ahead(1);
    const [first, second] = idsOf(assigned(intake, 2)) as [string, string];
    const localMs = Date.now();
    clock.sample(new Date(localMs + HOUR_MS).toISOString(), localMs, localMs);
    end(first);
    expect(begun).toEqual([first]);
    expect(intake.waiting).toEqual([]);
    expect(given.map(([id]) => id)).toEqual([second]);
  });

  test("gives all of them back, and asks for none ahead, when no slot becomes free soon", async () => {
    const stand = ahead(1);
    hurry(stand);
    expect(stand.intake.ahead).toBe(2);
    const [, second, third] = idsOf(assigned(stand.intake, 3));
    const givingBack = Promise.withResolvers<void>();
    stand.intake.givingBack.subscribe(() => {
      expect(stand.given).toEqual([]);
      givingBack.resolve();
    });
    const startMs = performance.now();
    await givingBack.promise;
    expect(performance.now() - startMs).toBeWithin(250, 2_000);
    const why = "No slot of its node became free for it.";
    expect(stand.given).toEqual([second, third].map((id) => [id ?? "", why]));
    expect(stand.intake.waiting).toEqual([]);
    hurry(stand);
    expect(stand.intake.ahead).toBe(0);
  });

  test("gives them back when it drains, and everything that arrives afterwards", () => {
    const { intake, given } = ahead(1);
    const [, second] = idsOf(assigned(intake, 2));
    intake.drain();
    expect(given.map(([id]) => id)).toEqual([second ?? ""]);
    const late = idsOf(assigned(intake, 1));
    expect(given.map(([id]) => id)).toEqual([second ?? "", ...late]);
  });

  test("begins none while starts are held, and those that waited first afterwards", () => {
    const { intake, begun, end } = ahead(1);
    const [first, second] = idsOf(assigned(intake, 2)) as [string, string];
    const release = intake.holdStarts();
    const [third] = idsOf(assigned(intake, 1)) as [string];
    end(first);
    expect(begun).toEqual([first]);
    release();
    expect(begun).toEqual([first, second]);
    expect(intake.waiting).toEqual([third]);
  });

  test("asks for none ahead that maxJobs would keep from beginning", () => {
    const stand = ahead(2, 5);
    hurry(stand);
    expect(stand.intake.ahead).toBe(3);
    assigned(stand.intake, 2);
    expect(stand.intake.ahead).toBe(1);
    assigned(stand.intake, 1);
    expect(stand.intake.ahead).toBe(0);
  });

  test("asks for none ahead if its owner or the server does not want that", () => {
    const stand = ahead(2);
    hurry(stand);
    stand.intake.prefetch = false;
    expect(stand.intake.ahead).toBe(0);
    stand.intake.prefetch = true;
    stand.intake.takesAhead = false;
    expect(stand.intake.ahead).toBe(0);
  });

  test("forgets one that the server cancels or wants no more, and says whether it waited", () => {
    const { intake, begun, end } = ahead(1);
    const [first, second] = idsOf(assigned(intake, 2)) as [string, string];
    expect(intake.drop(first)).toBe(false);
    expect(intake.drop(second)).toBe(true);
    expect(intake.drop(second)).toBe(false);
    end(first);
    expect(begun).toEqual([first]);
  });
});

/** Assigns so many jobs. */
function assigned(intake: Intake, count: number): Assignment[] {
  const given = assignments(count);
  intake.assign(given);
  return given;
}
