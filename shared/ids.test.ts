import { expect, test } from "bun:test";
import { firstIdAt, idTimeMs, jobId, newId } from "./ids.ts";

test("ids made one after another sort in that order", () => {
  const ids = Array.from({ length: 10_000 }, () => newId("job"));
  expect(ids.toSorted()).toEqual(ids);
  expect(new Set(ids).size).toBe(ids.length);
});

test("an id tells when it was made", () => {
  const beforeMs = Date.now();
  const atMs = idTimeMs(newId("exe"));
  expect(atMs).toBeGreaterThanOrEqual(beforeMs);
  expect(atMs).toBeLessThanOrEqual(Date.now());
});

test("a new id passes its own schema and no other", () => {
  expect(jobId.safeParse(newId("job")).success).toBe(true);
  for (const bad of [newId("exe"), "job_", "job_ILOU", `${newId("job")}x`, ""]) {
    expect(jobId.safeParse(bad).success).toBe(false);
  }
});

test("the first id of a time sorts behind every id made before it, and before every one made later", () => {
  const before = Date.now();
  const made = newId("job");
  expect(firstIdAt("job", before) <= made).toBe(true);
  expect(firstIdAt("job", Date.now() + 1) > made).toBe(true);
  expect(jobId.safeParse(firstIdAt("job", 0)).success).toBe(true);
});
