import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { forAllTests } from "../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { processStat, readProc } from "../process/process-table.ts";
import { acquireLock, lockHolder, readLock, tryLock } from "./lock.ts";

const { path: dir } = forAllTests(await makeScratch());
/** Shorter than the limit of a test, so that the failure says what it waited for. */
const limit = { timeoutMs: 4_000 };
const path = join(dir, "lock");

describe("the lock of a state directory", () => {
  test("keeps a second agent out until it is released, and leaves nothing behind", () => {
    const { release } = acquireLock(path);
    expect(() => acquireLock(path)).toThrow(`process ${process.pid}`);
    release();
    acquireLock(path).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  test("is an error that says where and what to do when it cannot be written", () => {
    const nowhere = join(dir, "not-there");
    expect(() => acquireLock(join(nowhere, "lock"))).toThrow(`The agent cannot write to ${nowhere}: ENOENT`);
  });

  test("belongs to this process until it is released, removed or taken by another", () => {
    const lock = acquireLock(path);
    expect(lock.isOwn()).toBe(true);
    rmSync(path);
    expect(lock.isOwn()).toBe(false);
    const other = acquireLock(path);
    expect([lock.isOwn(), other.isOwn()]).toEqual([false, true]);
    lock.release();
    expect(other.isOwn()).toBe(true);
    other.release();
  });

  test("is free when its process is gone, when another process has its pid, or when its file is damaged", () => {
    const gone = Bun.spawnSync(["true"]).pid;
    for (const content of [
      JSON.stringify({ pid: gone, started: "x" }),
      JSON.stringify({ pid: process.pid, started: "an earlier boot" }),
      "",
      "not json",
    ]) {
      writeFileSync(path, content);
      const { release } = acquireLock(path);
      expect(existsSync(path)).toBe(true);
      release();
    }
  });

  test("on a disk that machines share counts as long as its holder renews it, and the error names the holder", () => {
    const shared = { isShared: true };
    const holder = { pid: 1, started: "x", host: "hostb", boot: "another boot", byKernel: true };
    writeFileSync(path, JSON.stringify(holder));
    expect(() => acquireLock(path, shared)).toThrow(
      "Another agent (process 1 on hostb) is already running here",
    );
    expect(readLock(path, shared)).toEqual(holder);
    const agoSeconds = Date.now() / 1_000 - 31;
    utimesSync(path, agoSeconds, agoSeconds);
    expect(readLock(path, shared)).toBeUndefined();
    acquireLock(path, shared).release();
    // On a disk that only this machine uses, the holder must have ended with its boot.
    writeFileSync(path, JSON.stringify(holder));
    acquireLock(path, { isShared: false }).release();
  });

  test("is free as soon as its process was killed, and reading it does not keep others out", async () => {
    const script = `require(${JSON.stringify(join(import.meta.dirname, "lock.ts"))}).acquireLock(${JSON.stringify(path)}); console.log("got"); setInterval(() => 0, 1000)`;
    for (let round = 0; round < 3; round++) {
      const other = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe" });
      await other.stdout.getReader().read();
      expect(lockHolder(path)).toBe(other.pid);
      expect(tryLock(path)).toMatchObject({ heldBy: other.pid });
      other.kill("SIGKILL");
      await other.exited;
      expect(lockHolder(path)).toBeUndefined();
    }
    acquireLock(path).release();
  });

  test.skipIf(process.platform !== "linux")(
    "is free when its process was killed, even before its parent has reaped it",
    async () => {
      // The program that replaces the shell does not know the shell's child and never waits for it.
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
        acquireLock(path).release();
      } finally {
        parent.kill("SIGKILL");
        await parent.exited;
      }
    },
  );
});
