import { afterAll, describe, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../tests/support/wait.ts";
import { processStat, readProc } from "../executors/process-table.ts";
import { acquireLock, isOwnLock } from "./lock.ts";

const dir = mkdtempSync(join(tmpdir(), "lock-"));
/** Less than a test has, so that it is told what was waited for. */
const limit = { timeoutMs: 4_000 };
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

  test("that cannot be written says where, and what to do", () => {
    const nowhere = join(dir, "not-there");
    expect(() => acquireLock(join(nowhere, "lock"))).toThrow(`The agent cannot write to ${nowhere}: ENOENT`);
  });

  test("is this process's own until it is let go, or removed, or somebody else's", () => {
    const release = acquireLock(path);
    expect(isOwnLock(path)).toBe(true);
    writeFileSync(path, JSON.stringify({ pid: 1, started: "x" }));
    expect(isOwnLock(path)).toBe(false);
    rmSync(path);
    expect(isOwnLock(path)).toBe(false);
    release();
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

  test.skipIf(process.platform !== "linux")(
    "counts for nothing when its process was killed and nobody has reaped it yet",
    async () => {
      // The program that takes the shell's place knows nothing of the shell's child and never waits for it.
      const parent = Bun.spawn(["sh", "-c", "sleep 60 & echo $!; exec sleep 61"], { stdout: "pipe" });
      try {
        const { value } = await parent.stdout.getReader().read();
        const pid = Number(new TextDecoder().decode(value));
        await waitFor("its parent to sleep", () => readProc(parent.pid, "comm") === "sleep\n", limit);
        process.kill(pid, "SIGKILL");
        await waitFor("it to be dead", () => processStat(pid)?.state === "Z", limit);
        const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
        const started = `${boot}:${processStat(pid)?.startTicks}`;
        writeFileSync(path, JSON.stringify({ pid, started }));
        acquireLock(path)();
      } finally {
        parent.kill("SIGKILL");
        await parent.exited;
      }
    },
  );
});
