import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { acquireLock } from "./lock.ts";

const dir = mkdtempSync(join(tmpdir(), "lock-"));
const path = join(dir, "lock");
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe("the lock of a state directory", () => {
  test("keeps a second agent out until it is let go, and leaves nothing behind", () => {
    const release = acquireLock(path);
    expect(() => acquireLock(path)).toThrow(`process ${process.pid}`);
    release();
    acquireLock(path)();
    expect(readdirSync(dir)).toEqual([]);
  });

  test("counts for nothing when its process is gone, when its pid is another's now, or when it is damaged", () => {
    const gone = Bun.spawnSync(["true"]).pid;
    for (const content of [
      JSON.stringify({ pid: gone, started: "x" }),
      JSON.stringify({ pid: process.pid, started: "an earlier boot" }),
      "",
      "not json",
    ]) {
      writeFileSync(path, content);
      const release = acquireLock(path);
      expect(existsSync(path)).toBe(true);
      release();
    }
  });
});
