import { expect, test } from "bun:test";
import { getEventListeners } from "node:events";
import { Bell, inTime } from "./wait.ts";

/** Somebody who waits leaves a listener there. */
const waiters = (signal: AbortSignal) => getEventListeners(signal, "abort").length;

test("a bell that is waited for again and again leaves nothing behind, whatever ended the wait", async () => {
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

test("a ring while nobody waits is remembered, and any number of them count as one", async () => {
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

test("what comes in time is given, what does not is undefined, and what fails fails", async () => {
  expect(await inTime(60_000, Promise.resolve("here"))).toBe("here");
  expect(await inTime(1, Promise.withResolvers<string>().promise)).toBeUndefined();
  await expect(inTime(60_000, Promise.reject(new Error("no")))).rejects.toThrow("no");
});
