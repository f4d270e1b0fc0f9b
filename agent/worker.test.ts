import { expect, test } from "bun:test";
import { newId } from "../shared/ids.ts";
import { LogShipper } from "./logs/log-shipper.ts";
import { Reporter } from "./loops/reporter.ts";
import { ServerClock } from "./server-clock.ts";
import { assignmentOf } from "./testing/assignment.ts";
import { Worker } from "./worker.ts";

/** A worker whose place only notes what it was told to start. */
function stage(slots: number, maxJobs?: number) {
  const started: string[] = [];
  const said: string[] = [];
  const say = (message: string) => said.push(message);
  const worker = new Worker({
    slots,
    maxJobs,
    place: {
      start: ({ executionId, jobId }) => {
        started.push(executionId);
        return { jobId, type: "COMMAND", attempt: 1, limits: { cpu: 1 } };
      },
      tell: () => {},
      stored: () => {},
      serverIs: () => {},
    },
    reporter: new Reporter(),
    shipper: new LogShipper(),
    clock: new ServerClock(),
    log: { info: say, warn: say, error: say },
  });
  return { worker, started, said };
}

const ended = (executionId: string) => ({
  type: "ended" as const,
  executionId,
  lastSeq: 0,
  at: new Date().toISOString(),
  end: { status: "SUCCEEDED" as const },
});

test("a worker for so many jobs asks for no more and begins no more, and drains by itself", () => {
  const { worker, started } = stage(4, 2);
  expect(worker.wanted).toBe(2);
  const [first, second, third] = [
    assignmentOf({ command: "true" }),
    assignmentOf({ command: "true" }),
    assignmentOf({ command: "true" }),
  ];
  worker.assign([first]);
  expect(worker.wanted).toBe(1);
  expect(worker.isDraining).toBe(false);
  worker.assign([first, second, third]);
  expect(started).toEqual([first.executionId, second.executionId]);
  expect(worker.wanted).toBe(0);
  expect(worker.isDraining).toBe(true);
});

test("nothing begins while starts are held, however many hold them, and what came is in the list", () => {
  const { worker, started } = stage(4, 2);
  const one = assignmentOf({ command: "true" });
  const goOn = [worker.holdStarts(), worker.holdStarts()];
  worker.assign([one]);
  expect(started).toEqual([]);
  expect(worker.held()).toEqual([one.executionId]);
  expect(worker.wanted).toBe(1);
  goOn[0]?.();
  expect(started).toEqual([]);
  goOn[1]?.();
  expect(started).toEqual([one.executionId]);
});

test("what runs is told with its job and limits, also when it was taken up from an earlier agent", () => {
  const { worker } = stage(4);
  const facts = { jobId: newId("job"), name: "old", type: "DOCKER" as const, attempt: 2, limits: {} };
  const executionId = newId("exe");
  const startedAt = new Date().toISOString();
  worker.resume([{ executionId, startedAt, facts, enforcedBy: "the engine", lastSeq: 0, storedSeq: 0 }]);
  const fresh = assignmentOf({ command: "true" });
  worker.assign([fresh]);
  worker.onNews({ type: "started", executionId: fresh.executionId, at: startedAt, enforcedBy: "samples" });
  expect(worker.runningExecutions()).toEqual([
    { executionId, ...facts, startedAt, enforcedBy: "the engine" },
    {
      ...{ executionId: fresh.executionId, jobId: fresh.jobId, type: "COMMAND", attempt: 1 },
      ...{ limits: { cpu: 1 }, startedAt, enforcedBy: "samples" },
    },
  ]);
  expect(worker.idleMs).toBe(0);
  for (const id of [executionId, fresh.executionId]) worker.onNews(ended(id));
  expect(worker.runningExecutions()).toEqual([]);
  expect(worker.idleMs).toBeGreaterThan(0);
});
