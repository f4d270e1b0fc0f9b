import { expect, test } from "bun:test";
import { sinceOption } from "./common-options.ts";

const since = (text: string) => sinceOption("Only jobs since then").schema().safeParse(text).data;

test("a time means the same on every machine: it names its zone, or says how long ago", () => {
  expect(since("2026-01-31T12:00:00Z")).toBe("2026-01-31T12:00:00.000Z");
  expect(since("2026-01-31 13:00+01:00")).toBe("2026-01-31T12:00:00.000Z");
  expect(since("2026-01-31")).toBe("2026-01-31T00:00:00.000Z");
  const then = Date.parse(since("1.5h") ?? "");
  expect(Date.now() - then).toBeWithin(5_400_000, 5_410_000);
  for (const text of ["2026-01-31T12:00:00", "2026-01-31 12:00", "yesterday", "2026-13-01", "1e9d", "5"]) {
    expect({ text, since: since(text) }).toEqual({ text, since: undefined });
  }
});
