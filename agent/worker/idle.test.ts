import { expect, test } from "bun:test";
import { ServerClock } from "../session/server-clock.ts";
import { LogShipper } from "./log-shipper.ts";
import { Reporter } from "./reporter.ts";
import { Worker } from "./worker.ts";

test("an agent counts as idle from the server's first answer on: before that no job could have come", () => {
  const worker = new Worker({
    slots: 1,
    reporter: new Reporter(),
    shipper: new LogShipper(),
    clock: new ServerClock(),
    place: {
      start: ({ jobId }) => ({ jobId, type: "COMMAND", attempt: 1, limits: {} }),
      tell: () => {},
      stored: () => {},
      lost: () => {},
      settled: () => {},
      waitsFor: () => undefined,
    },
    collector: { begin: () => ({ over: new Promise(() => {}), hurry: () => {}, stop: () => {} }) },
    events: { begin: () => ({ over: Promise.resolve(), finish: () => {}, hurry: () => {}, stop: () => {} }) },
    log: { info: () => {}, warn: () => {}, error: () => {} },
  });
  // The server has not answered yet.
  expect(worker.idleMs).toBe(0);
  const beforeMs = performance.now();
  worker.obey({ cancel: [], abandon: [], status: "ACTIVE" });
  const first = worker.idleMs;
  expect(first).toBeLessThanOrEqual(performance.now() - beforeMs);
  worker.obey({ cancel: [], abandon: [], status: "ACTIVE" });
  expect(worker.idleMs).toBeGreaterThan(first);
});
