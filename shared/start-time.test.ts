import { expect, test } from "bun:test";
import { jobManifest } from "./manifest.ts";
import { startTimeMs } from "./start-time.ts";

const NOW_MS = Date.parse("2026-01-31T12:00:00Z");
const kept = (notBefore: string) => jobManifest.safeParse({ command: "true", notBefore }).data?.notBefore;

test("a relative start is kept as written; its unit is s, m, h, d or w, or seconds without a unit", () => {
  const cases: [string, number][] = [
    ["+90", 90_000],
    ["+90s", 90_000],
    ["+1.5h", 5_400_000],
    ["+1w", 604_800_000],
    ["+0s", 0],
  ];
  for (const [text, ms] of cases) {
    expect(kept(text)).toBe(text);
    expect(startTimeMs(text, NOW_MS)).toBe(NOW_MS + ms);
  }
});

test("a time is kept in UTC, and any other text is refused", () => {
  expect(kept("2026-01-31T13:00:00+01:00")).toBe("2026-01-31T12:00:00.000Z");
  expect(startTimeMs("2026-01-31T12:00:00.000Z", 0)).toBe(NOW_MS);
  for (const text of ["soon", "+soon", "+", "10m", "+-5m", "+9999999999999d", "2026-01-31", "+1y"]) {
    expect([text, kept(text)]).toEqual([text, undefined]);
  }
});
