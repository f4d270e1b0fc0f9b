import { expect, test } from "bun:test";
import { firstIdAt, idFrom, idTimeMs, jobId, newId } from "./ids.ts";

test("ids sort in the order they were created", () => {
  const ids = Array.from({ length: 10_000 }, () => newId("job"));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test("an id holds its time of creation", () => {
  const beforeMs = Date.now();
  const atMs = idTimeMs(newId("exe"));
  expect(atMs).toBeGreaterThanOrEqual(beforeMs);
  expect(atMs).toBeLessThanOrEqual(Date.now());
});

test("a new id passes its own schema and no other schema", () => {
  expect(jobId.safeParse(newId("job")).success).toBe(true);
  for (const bad of [newId("exe"), "job_", "job_ILOU", `${newId("job")}x`, ""]) {
    expect(jobId.safeParse(bad).success).toBe(false);
  }
});

test("the first id of a time sorts after every older id and before every newer id", () => {
  const before = Date.now();
  const made = newId("job");
  expect(firstIdAt("job", before) <= made).toBe(true);
  expect(firstIdAt("job", Date.now() + 1) > made).toBe(true);
  expect(jobId.safeParse(firstIdAt("job", 0)).success).toBe(true);
});

test("an id is the digits of its 128 bits, most significant first: stored ids keep their spelling", () => {
  expect(idFrom("job", "a text")).toBe("job_3k86aevsdgcfk59nhwq5d6gb51");
  expect(firstIdAt("job", 1_796_000_000_000)).toBe("job_01m8mz2a000000000000000000");
  expect(idTimeMs("job_01m8mz2a000000000000000000")).toBe(1_796_000_000_000);
});
