import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { Bell, backoffMs, inTime, pause, withLimit } from "./wait.ts";

/** Every wait leaves a listener on its signal. */
const waiters = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

test("a pause ends early when any of its signals fires, and leaves no listener behind", async () => {
  const one = new AbortController();
  const other = new AbortController();
  const paused = pause(60_000, one.signal, undefined, other.signal);
  other.abort();
  await paused;
  expect(waiters(one.signal)).toBe(0);
  await pause(60_000, one.signal, other.signal);
});

test("a backoff doubles up to its maximum, and half of it is random", () => {
  const backoff = { firstMs: 100, maxMs: 5_000 };
  expect([0, 1, 2, 6, 1_000].map((failures) => backoffMs(backoff, failures, () => 1))).toEqual([
    100, 200, 400, 5_000, 5_000,
  ]);
  expect(backoffMs(backoff, 0, () => 0)).toBe(50);
  expect(backoffMs(backoff, 9, () => 0)).toBe(2_500);
});

test("waiting for a bell again and again leaves no listener behind, however the wait ends", async () => {
  const over = new AbortController();
  const bell = new Bell();
  await bell.wait(over.signal, 1);
  await bell.wait(over.signal, 1);
  expect(waiters(over.signal)).toBe(0);
  const rung = bell.wait(over.signal, 60_000);
  expect(waiters(over.signal)).toBe(1);
  bell.ring();
  await rung;
  expect(waiters(over.signal)).toBe(0);
  const ended = bell.wait(over.signal, 60_000);
  over.abort();
  await ended;
});

test("a ring while nobody waits is remembered, and any number of rings count as one", async () => {
  const { signal } = new AbortController();
  const bell = new Bell();
  bell.ring();
  bell.ring();
  await bell.wait(signal, 60_000);
  const second = bell.wait(signal, 60_000);
  expect(
    await inTime(
      1,
      second.then(() => "rung"),
    ),
  ).toBeUndefined();
  bell.ring();
  await second;
});

test("withLimit gives the outcome, or throws its own error if that is late", async () => {
  const late = () => new Error("late");
  expect(await withLimit(60_000, Promise.resolve("here"), late)).toBe("here");
  await expect(withLimit(1, Promise.withResolvers().promise, late)).rejects.toThrow("late");
  await expect(withLimit(60_000, Promise.reject(new Error("no")), late)).rejects.toThrow("no");
});

test("inTime gives the outcome, undefined if it is late, and the error if it fails", async () => {
  expect(await inTime(60_000, Promise.resolve("here"))).toBe("here");
  expect(await inTime(1, Promise.withResolvers<string>().promise)).toBeUndefined();
  await expect(inTime(60_000, Promise.reject(new Error("no")))).rejects.toThrow("no");
});
