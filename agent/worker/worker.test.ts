import { expect, spyOn, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { runsOf } from "../../shared/line-runs.ts";
import type { LogLine } from "../../shared/log.ts";
import { assignmentOf } from "../../tests/support/agent/assignment.ts";
import { linesOf } from "../../tests/support/lines-of.ts";
import type { LineQueue } from "../logs/line-queue.ts";
import { ServerClock } from "../session/server-clock.ts";
import type { ExecutionPlace } from "./held.ts";
import { LogShipper } from "./log-shipper.ts";
import type { Collected } from "./output-collector.ts";
import { Reporter } from "./reporter.ts";
import { Worker } from "./worker.ts";

/** A worker whose place only records what it was told to start. */
function stage(slots: number, maxJobs?: number) {
  const started: string[] = [];
  const said: string[] = [];
  const say = (message: string) => said.push(message);
  const place: ExecutionPlace = {
    start: ({ executionId, jobId }) => {
      started.push(executionId);
      return { jobId, type: "COMMAND", attempt: 1, limits: { cpu: 1 } };
    },
    tell: () => {},
    stored: () => {},
    lost: () => {},
    settled: () => {},
    waitsFor: () => undefined,
  };
  const collected = Promise.withResolvers<Collected>();
  const reporter = new Reporter();
  const shipper = new LogShipper();
  const worker = new Worker({
    slots,
    maxJobs,
    place,
    collector: { begin: () => ({ over: collected.promise, hurry: () => {}, stop: () => {} }) },
    events: { begin: () => ({ over: Promise.resolve(), finish: () => {}, hurry: () => {}, stop: () => {} }) },
    reporter,
    shipper,
    clock: new ServerClock(),
    log: { info: say, warn: say, error: say },
  });
  return { worker, started, said, place, reporter, shipper, collected };
}

const ended = (executionId: string, lastSeq = 0) => ({
  type: "ended" as const,
  executionId,
  lastSeq,
  at: new Date().toISOString(),
  end: { status: "SUCCEEDED" as const },
});

test("a worker with maxJobs asks for no more jobs and begins no more than that, and then drains", () => {
  const { worker, started } = stage(4, 2);
  expect(worker.intake.wanted).toBe(2);
  const [first, second, third] = [
    assignmentOf({ command: "true" }),
    assignmentOf({ command: "true" }),
    assignmentOf({ command: "true" }),
  ];
  worker.assign([first]);
  expect(worker.intake.wanted).toBe(1);
  expect(worker.isDraining).toBe(false);
  worker.assign([first, second, third]);
  expect(started).toEqual([first.executionId, second.executionId]);
  expect(worker.intake.wanted).toBe(0);
  expect(worker.isDraining).toBe(true);
});

test("a draining worker asks for no job: any that it got would wait for its lease to run out", () => {
  const { worker, started } = stage(4);
  worker.drain();
  expect(worker.intake.wanted).toBe(0);
  worker.assign([assignmentOf({ command: "true" })]);
  expect(started).toEqual([]);
});

test("nothing begins until every hold on starts is released; what arrives meanwhile counts as held", () => {
  const { worker, started } = stage(4, 2);
  const one = assignmentOf({ command: "true" });
  const goOn = [worker.holdStarts(), worker.holdStarts()];
  worker.assign([one]);
  expect(started).toEqual([]);
  expect(worker.held()).toEqual([one.executionId]);
  expect(worker.intake.wanted).toBe(1);
  goOn[0]?.();
  expect(started).toEqual([]);
  goOn[1]?.();
  expect(started).toEqual([one.executionId]);
});

test("running executions are listed with job and limits; the start of one taken over is reported again", () => {
  const { worker, reporter } = stage(4);
  const reported = spyOn(reporter, "add");
  const facts = { jobId: newId("job"), name: "old", type: "DOCKER" as const, attempt: 2, limits: {} };
  const executionId = newId("exe");
  const startedAt = new Date().toISOString();
  worker.resume([{ executionId, startedAt, facts, enforcedBy: "the engine", lastSeq: 0, storedSeq: 0 }]);
  // The earlier agent may have died before it could report the start.
  expect(reported.mock.calls).toEqual([[{ executionId, status: "RUNNING", at: startedAt }]]);
  const fresh = assignmentOf({ command: "true" });
  worker.assign([fresh]);
  worker.onNews({ type: "started", executionId: fresh.executionId, at: startedAt, enforcedBy: "samples" });
  expect(worker.runningExecutions()).toEqual([
    { executionId, ...facts, startedAt, enforcedBy: "the engine" },
    {
      executionId: fresh.executionId,
      jobId: fresh.jobId,
      type: "COMMAND",
      attempt: 1,
      limits: { cpu: 1 },
      startedAt,
      enforcedBy: "samples",
    },
  ]);
  worker.obey({ status: "ACTIVE", cancel: [], abandon: [] });
  expect(worker.idleMs).toBe(0);
  for (const id of [executionId, fresh.executionId]) worker.onNews(ended(id));
  expect(worker.runningExecutions()).toEqual([]);
  expect(worker.idleMs).toBeGreaterThan(0);
});

test("a result is reported even when its supervisor died with the last lines, and the log says how many are lost", () => {
  const { worker, reporter, shipper } = stage(1);
  const reported = spyOn(reporter, "add");
  const shipped = spyOn(shipper, "appended");
  const { executionId } = assignmentOf({ command: "true" });
  const line = { seq: 1, stream: "stdout" as const, at: new Date().toISOString(), text: "a" };
  worker.resume([{ executionId, lastSeq: 1, storedSeq: 0 }]);
  worker.onNews({ type: "lines", executionId, ...runsOf([line]) });
  worker.onNews(ended(executionId, 9));
  worker.onLost([executionId]);
  const queue = shipped.mock.lastCall?.[0];
  const told = { seq: 2, stream: "system", text: expect.stringContaining("8 lines") };
  expect(waitingIn(queue)).toMatchObject([line, told]);
  expect(reported).not.toHaveBeenCalled();
  queue?.acknowledge(2);
  worker.linesStored(executionId, 2);
  expect(reported.mock.lastCall?.[0]).toMatchObject({ executionId, status: "SUCCEEDED" });
});

test("a new supervisor learns which lines the server has, and lines that it repeats are sent once", () => {
  const { worker, place, shipper } = stage(1);
  const stored = spyOn(place, "stored");
  const shipped = spyOn(shipper, "appended");
  const { executionId } = assignmentOf({ command: "true" });
  const at = new Date().toISOString();
  const lines = [1, 2, 3].map((seq) => ({ seq, stream: "stdout" as const, at, text: "a" }));
  worker.resume([{ executionId, lastSeq: 2, storedSeq: 1 }]);
  worker.onNews({ type: "lines", executionId, ...runsOf(lines.slice(1, 2)) });
  worker.onNews({ type: "lines", executionId, ...runsOf(lines) });
  expect(stored.mock.calls).toEqual([[executionId, 1]]);
  expect(waitingIn(shipped.mock.lastCall?.[0])).toEqual(lines.slice(1));
});

function waitingIn(queue: LineQueue | undefined): LogLine[] {
  return linesOf(queue?.peek({ maxLines: 10, maxChars: 10_000 }));
}

/** A worker with one slot, whose first job has it while the second waits. */
function withWaiting() {
  const stand = stage(1);
  stand.worker.intake.takesAhead = true;
  const [running, waiting] = [assignmentOf({ command: "true" }), assignmentOf({ command: "true" })];
  stand.worker.assign([running, waiting]);
  const reported = spyOn(stand.reporter, "add");
  return { ...stand, reported, running: running.executionId, waiting: waiting.executionId };
}

test("a job that waits for a slot begins when the one before it ends; until then no heartbeat extends its lease", () => {
  const { worker, started, running, waiting } = withWaiting();
  expect(started).toEqual([running]);
  expect(worker.held()).toEqual([running, waiting]);
  expect(worker.begun()).toEqual([running]);
  expect(worker.starting()).toEqual([running]);
  expect(worker.running).toBe(1);
  worker.onNews(ended(running));
  expect(started).toEqual([running, waiting]);
  expect(worker.begun()).toContain(waiting);
});

test("a cancelled job that waits for a slot never begins, and is reported as CANCELLED", () => {
  const { worker, started, reported, running, waiting } = withWaiting();
  expect(worker.obey({ status: "ACTIVE", cancel: [waiting], abandon: [] })).toBe(true);
  expect(reported.mock.calls).toMatchObject([[{ executionId: waiting, status: "CANCELLED" }]]);
  // The server may repeat the order before it has the report.
  worker.obey({ status: "ACTIVE", cancel: [waiting], abandon: [] });
  worker.assign([assignmentOf({ command: "true" }, waiting)]);
  worker.onNews(ended(running));
  expect(started).toEqual([running]);
  expect(reported.mock.calls.filter(([{ executionId }]) => executionId === waiting)).toHaveLength(1);
});

test("a job that waits for a slot is forgotten when the server says that it is not ours", () => {
  const { worker, started, reported, running, waiting } = withWaiting();
  expect(worker.obey({ status: "ACTIVE", cancel: [], abandon: [waiting] })).toBe(true);
  expect(worker.held()).toEqual([running]);
  expect(reported).not.toHaveBeenCalled();
  worker.onNews(ended(running));
  expect(started).toEqual([running]);
});

test("jobs that wait for a slot are given back when the server drains the node, and are held until it knows", () => {
  const { worker, reported, waiting } = withWaiting();
  worker.obey({ status: "DRAINING", cancel: [], abandon: [] });
  const report = reported.mock.lastCall?.[0];
  expect(report).toMatchObject({
    executionId: waiting,
    status: "RETURNED",
    message: "Its node is draining.",
  });
  expect(worker.held()).toContain(waiting);
  expect(worker.unsent).toBe(1);
  if (report) worker.reportAnswered(report, "applied");
  expect(worker.held()).not.toContain(waiting);
  expect(worker.unsent).toBe(0);
});
