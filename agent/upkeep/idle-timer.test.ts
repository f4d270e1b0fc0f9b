import { expect, jest, test } from "bun:test";
import { IdleTimer } from "./idle-timer.ts";

test("rings once, when there was nothing to do for the given time", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const rung = jest.fn(resolve);
  const timer = new IdleTimer(rung);
  timer.setAfter(20);
  const startMs = performance.now();
  timer.setBusy(false);
  await promise;
  expect(performance.now() - startMs).toBeGreaterThanOrEqual(20);
  timer.setBusy(false);
  expect(rung).toHaveBeenCalledTimes(1);
});

test("does not ring while there is work, without a time, or after it was stopped", async () => {
  const rung = jest.fn();
  const [busy, never, stopped] = [new IdleTimer(rung), new IdleTimer(rung), new IdleTimer(rung)];
  busy.setAfter(1);
  busy.setBusy(false);
  busy.setBusy(true);
  never.setAfter(undefined);
  never.setBusy(false);
  stopped.setAfter(1);
  stopped.setBusy(false);
  stopped.stop();
  // A timer that is longer and starts later rings after all of them would have.
  await ringOf(5);
  expect(rung).not.toHaveBeenCalled();
});

test("a shorter time counts from when the work ended", async () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = new IdleTimer(resolve);
  timer.setAfter(600_000);
  timer.setBusy(false);
  await ringOf(20);
  timer.setAfter(10);
  expect(timer.isDue).toBe(true);
  await promise;
});

test("waits longer than the longest timer of the runtime", async () => {
  const rung = jest.fn();
  const timer = new IdleTimer(rung);
  timer.setAfter(31_536_000_000);
  timer.setBusy(false);
  await ringOf(5);
  expect(rung).not.toHaveBeenCalled();
  timer.stop();
});

/** Resolves when a timer of that length has rung. */
function ringOf(ms: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = new IdleTimer(resolve);
  timer.setAfter(ms);
  timer.setBusy(false);
  return promise;
}
