import { expect, test } from "bun:test";
import { BloomFilter } from "./bloom-filter.ts";

const MIB = 1024 * 1024;
const COUNT = 200_000;

test("every key that was added is found, and few others are", () => {
  const filter = new BloomFilter(COUNT, 32 * MIB);
  for (let i = 0; i < COUNT; i++) filter.add(`known/${i}`);
  let [lost, accidents] = [0, 0];
  for (let i = 0; i < COUNT; i++) {
    if (!filter.has(`known/${i}`)) lost++;
    if (filter.has(`unknown/${i}`)) accidents++;
  }
  expect(lost).toBe(0);
  expect(accidents).toBeLessThan(COUNT / 300);
});

test("two filters have their accidents at different keys, so that nothing stays for good by accident", () => {
  const filters = [new BloomFilter(0, MIB), new BloomFilter(0, MIB)];
  for (const filter of filters) for (let i = 0; i < 8_000; i++) filter.add(`known/${i}`);
  let [either, both] = [0, 0];
  for (let i = 0; i < COUNT; i++) {
    const had = filters.filter((filter) => filter.has(`unknown/${i}`)).length;
    if (had > 0) either++;
    if (had === 2) both++;
  }
  expect(either).toBeGreaterThan(100);
  expect(both).toBeLessThan(either / 10);
});

test("it never takes more memory than it may", () => {
  expect(new BloomFilter(1_000_000_000, 32 * MIB).bytes).toBe(32 * MIB);
  expect(new BloomFilter(0, 32 * MIB).bytes).toBe(8 * 1024);
});
