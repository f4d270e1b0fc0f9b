import { expect, test } from "bun:test";
import { RecentMap } from "./recent-map.ts";

const MAX_SIZE = 100;
const keys = Array.from({ length: 10 * MAX_SIZE }, (_, i) => String(i));

/** How many of the keys are still there; looking does not count as use of the others. */
function left(map: RecentMap<number>, among: readonly string[]): string[] {
  return among.filter((key) => map.get(key) !== undefined);
}

test("a map never has more entries than it may, and always the last half of that", () => {
  const map = new RecentMap<number>(MAX_SIZE);
  for (const key of keys) map.set(key, 1);
  const last = keys.slice(-MAX_SIZE / 2);
  expect(left(map, last)).toEqual(last);
  expect(left(map, keys).length).toBeLessThanOrEqual(MAX_SIZE);
});

test("an entry that is used stays, however many come after it", () => {
  const map = new RecentMap<number>(MAX_SIZE);
  map.set("used", 1);
  for (const [i, key] of keys.entries()) {
    map.set(key, 1);
    if (i % (MAX_SIZE / 4) === 0) expect(map.get("used")).toBe(1);
  }
});

test("the last value counts, and a deleted entry does not come back", () => {
  const map = new RecentMap<number>(2);
  map.set("a", 1);
  map.set("a", 2);
  expect(map.get("a")).toBe(2);
  map.set("b", 1);
  map.delete("a");
  map.set("c", 1);
  expect(map.get("a")).toBeUndefined();
  expect(map.getOrMake("a", () => 3)).toBe(3);
  expect(new RecentMap<number>(0).getOrMake("a", () => 4)).toBe(4);
});
