import { expect, test } from "bun:test";
import { logCapBytes } from "./settings.ts";

test("a log may be as large as its job asks for, but no larger than its business or the server allows", () => {
  const limits = { maxLogBytes: 100 * 1024 * 1024, maxLogBytesOf: new Map([["small", 1024 * 1024]]) };
  expect(logCapBytes(limits, "any", undefined)).toBe(100 * 1024 * 1024);
  expect(logCapBytes(limits, "any", 0.5)).toBe(512 * 1024);
  expect(logCapBytes(limits, "any", 500)).toBe(100 * 1024 * 1024);
  expect(logCapBytes(limits, "small", 50)).toBe(1024 * 1024);
});
