import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { forAllTests } from "../../tests/support/for-all-tests.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { processStat, readProc } from "../process/process-table.ts";
import { acquireLock, lockHolder, readLock, tryLock } from "./lock.ts";

const { path: dir } = forAllTests(await makeScratch());
/** Less than a test has, so that it is told what was waited for. */
const limit = { timeoutMs: 4_000 };
const path = join(dir, "lock");

describe("the lock of a state directory", () => {
  test("keeps a second agent out until it is let go, and leaves nothing behind", () => {
    const { release } = acquireLock(path);
    expect(() => acquireLock(path)).toThrow(`process ${process.pid}`);
    release();
    acquireLock(path).release();
    expect(readdirSync(dir)).toEqual([]);
  });

  test("that cannot be written says where, and what to do", () => {
    const nowhere = join(dir, "not-there");
    expect(() => acquireLock(join(nowhere, "lock"))).toThrow(`The agent cannot write to ${nowhere}: ENOENT`);
  });

  test("is this process's own until it is let go, or removed, or somebody else's", () => {
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

  test("counts for nothing when its process is gone, when its pid is another's now, or when it is damaged", () => {
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

  test("on a disk that other machines share counts for as long as its holder there says that it lives, and names it", () => {
    const shared = { isShared: true };
    const holder = { pid: 1, started: "x", host: "hostb", boot: "another boot", byKernel: true };
    writeFileSync(path, JSON.stringify(holder));
    expect(() => acquireLock(path, shared)).toThrow("Another agent (process 1 on hostb) already runs here");
    expect(readLock(path, shared)).toEqual(holder);
    const agoSeconds = Date.now() / 1_000 - 31;
    utimesSync(path, agoSeconds, agoSeconds);
    expect(readLock(path, shared)).toBeUndefined();
    acquireLock(path, shared).release();
    // Of a disk of this machine alone it is known that the holder ended with its boot.
    writeFileSync(path, JSON.stringify(holder));
    acquireLock(path, { isShared: false }).release();
  });

  test("is nobody's once its process was killed, however that was, and whoever looks keeps nobody out", async () => {
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
        acquireLock(path).release();
      } finally {
        parent.kill("SIGKILL");
        await parent.exited;
      }
    },
  );
});
