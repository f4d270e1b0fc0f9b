import { expect, test } from "bun:test";
import { DatabaseClock } from "./database-clock.ts";

const START_MS = Date.UTC(2026, 0, 1);
const HOUR_MS = 3_600_000;

/** A machine and a database, each with its own clock. */
function world() {
  const times = { wallMs: START_MS, monotonicMs: 5_000, databaseMs: START_MS, answerAfterMs: 0 };
  const pass = (ms: number) => {
    for (const clock of ["wallMs", "monotonicMs", "databaseMs"] as const) times[clock] += ms;
  };
  const ask = async () => {
    const { databaseMs } = times;
    pass(times.answerAfterMs);
    return databaseMs;
  };
  const clocks = { wallMs: () => times.wallMs, monotonicMs: () => times.monotonicMs };
  return { times, pass, clock: new DatabaseClock(ask, clocks) };
}

test("while both clocks agree, the time is exactly the machine's", async () => {
  const { times, pass, clock } = world();
  times.databaseMs += 300;
  await clock.look();
  pass(1_234);
  expect(clock.now()).toBe(START_MS + 1_234);
});

test("a machine whose clock is wrong uses the database's time", async () => {
  for (const offMs of [2 * HOUR_MS, -2 * HOUR_MS]) {
    const { times, pass, clock } = world();
    times.wallMs += offMs;
    times.answerAfterMs = 40;
    await clock.look();
    pass(1_000);
    expect(Math.abs(clock.now() - times.databaseMs)).toBeLessThan(50);
  }
});

test("setting the machine's clock changes nothing, not even until the next look", async () => {
  const { times, pass, clock } = world();
  await clock.look();
  for (const setByMs of [2 * HOUR_MS, -2 * HOUR_MS, -HOUR_MS]) {
    times.wallMs += setByMs;
    pass(100);
    expect(clock.now()).toBe(times.databaseMs);
    await clock.look();
    expect(clock.now()).toBe(times.databaseMs);
  }
});

test("a machine that slept has the right time again after the next look", async () => {
  const { times, clock } = world();
  await clock.look();
  times.wallMs += HOUR_MS;
  times.databaseMs += HOUR_MS;
  clock.now();
  await clock.look();
  expect(clock.now()).toBe(times.databaseMs);
});

test("a slow or missing answer leaves the time unchanged", async () => {
  const { times, clock } = world();
  await clock.look();
  times.answerAfterMs = 5_000;
  times.databaseMs += HOUR_MS;
  await clock.look();
  expect(clock.now()).toBe(START_MS + 5_000);
  const silent = new DatabaseClock(() => Promise.reject(new Error("away")));
  await expect(silent.look()).rejects.toThrow("away");
  expect(Math.abs(silent.now() - Date.now())).toBeLessThan(100);
});
