import { expect, test } from "bun:test";
import { endpoints } from "../../shared/endpoints/index.ts";
import { checkInput } from "./check-input.ts";

/** The size of a body that is worth checking entry by entry. */
const LARGE = 1_000_000;
const schema = endpoints["jobs.submit-batch"].input;
const batch = (size: number, job: (i: number) => object) => ({
  jobs: Array.from({ length: size }, (_, i) => job(i)),
});
const issuesOf = (read: Awaited<ReturnType<typeof checkInput>>) => (read.success ? [] : read.error.issues);
const variables = Object.fromEntries(Array.from({ length: 90 }, (_, i) => [`K${i}`, "x"]));

test("a long batch is checked exactly as by its schema, errors included", async () => {
  const good = batch(200, (i) => ({ name: `j${i}`, command: ["a"], env: { A: i } }));
  expect(await checkInput(schema, good, LARGE)).toEqual(schema.safeParse(good) as never);
  const bad = batch(200, (i) => (i === 150 ? { command: 5, extra: 1 } : { command: ["a"] }));
  const [read, whole] = [await checkInput(schema, bad, LARGE), schema.safeParse(bad)];
  expect(read.success).toBe(false);
  expect(issuesOf(read)).toEqual(whole.error?.issues as never);
});

test("the fields around a long list and its maximum length are checked too", async () => {
  for (const raw of [{ ...batch(30, () => ({ command: ["a"] })), other: 1 }, batch(1_001, () => ({}))]) {
    const read = await checkInput(schema, raw, LARGE);
    expect(issuesOf(read)).toEqual([schema.safeParse(raw).error?.issues[0] as never]);
  }
});

test("other requests get a turn while a long batch is checked", async () => {
  let turns = 0;
  const counting = setInterval(() => turns++, 0);
  try {
    const read = await checkInput(
      schema,
      batch(1_000, () => ({ command: ["a"], env: variables })),
      LARGE,
    );
    expect(read.success).toBe(true);
  } finally {
    clearInterval(counting);
  }
  expect(turns).toBeGreaterThan(1);
});
