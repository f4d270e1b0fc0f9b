import { expect, test } from "bun:test";
import type { ActivityEvent } from "../../sdk/index.ts";
import { hasMissed, isTooSlow, type Place, placeAfter, type Told } from "./told.ts";

/** What a listener with this name tells. */
function told(listener: string, count: number, before: string | undefined, event?: ActivityEvent): Told {
  return { listener, count, before, event, connection: "live", isHidden: false };
}

const secrets = (id?: string): ActivityEvent => ({ event: "secrets", id, data: {} });
const place: Place = { listener: "one", count: 4, eventId: "a.7" };

test("a tab that heard every event has missed nothing", () => {
  const next = told("one", 5, "a.7", secrets("a.8"));
  expect(hasMissed(place, next)).toBe(false);
  expect(placeAfter(next)).toEqual({ listener: "one", count: 5, eventId: "a.8" });
  expect(hasMissed(placeAfter(next), told("one", 5, "a.8"))).toBe(false);
});

test("an event without an id counts as well", () => {
  const next = told("one", 5, "a.7", secrets());
  expect(placeAfter(next).eventId).toBe("a.7");
  expect(hasMissed(place, told("one", 6, "a.7", secrets("a.8")))).toBe(true);
});

test("a tab that did not hear an event notices it at the next, and when the listener says where it is", () => {
  expect(hasMissed(place, told("one", 6, "a.8", secrets("a.9")))).toBe(true);
  expect(hasMissed(place, told("one", 5, "a.8"))).toBe(true);
});

test("another listener that goes on at the last known event lets nobody miss one", () => {
  expect(hasMissed(place, told("two", 0, "a.7"))).toBe(false);
  expect(hasMissed(place, told("two", 1, "a.7", secrets("a.8")))).toBe(false);
});

test("another listener that goes on elsewhere may have left events out", () => {
  expect(hasMissed(place, told("two", 0, "a.9"))).toBe(true);
  expect(hasMissed(place, told("two", 0, undefined))).toBe(true);
});

test("a tab that has only begun has missed nothing", () => {
  expect(hasMissed(undefined, told("one", 9, "a.12", secrets("a.13")))).toBe(false);
});

test("a hidden listener without a connection is too slow; a visible one is not", () => {
  const lost = { ...told("one", 1, "a.7"), connection: "lost" as const };
  expect(isTooSlow({ ...lost, isHidden: true })).toBe(true);
  expect(isTooSlow(lost)).toBe(false);
  expect(isTooSlow({ ...told("one", 1, "a.7"), isHidden: true })).toBe(false);
});
