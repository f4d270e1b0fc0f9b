import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";

const LOOK_AGAIN_MS = 10;

/** A turn, or who has it: undefined if several processes are taking it at this moment. */
export type Turn = { release: () => void } | { heldBy: number | undefined };

/**
 * Waits for this process's turn among all processes that use the lock file. The lock of a process that died is free.
 * Throws the error of the file system if the file cannot be written.
 */
export async function takeTurn(lockPath: string, limitMs: number): Promise<Turn> {
  const { tryLock } = await import("../../agent/state/lock.ts");
  await mkdir(dirname(lockPath), { recursive: true, mode: 0o700 });
  const deadlineMs = performance.now() + limitMs;
  for (;;) {
    const lock = tryLock(lockPath);
    if ("release" in lock) return lock;
    if (performance.now() > deadlineMs) return { heldBy: lock.heldBy };
    await Bun.sleep(LOOK_AGAIN_MS);
  }
}
