import { createHash } from "node:crypto";
import { join } from "node:path";
import { pause } from "../../../shared/wait.ts";
import { tryLock } from "../../state/lock.ts";

/** A process that is inside leaves within a few milliseconds. */
const MAX_TRIES = 200;
const PAUSE_MS = 50;

/**
 * Runs a short step in a directory that several processes share, one at a time. undefined: the signal fired first. Throws an
 * Error for people if the directory cannot be entered.
 */
export async function alone<T>(
  directory: string,
  signal: AbortSignal,
  step: () => T,
): Promise<T | undefined> {
  for (let attempt = 0; attempt < MAX_TRIES && !signal.aborted; attempt++) {
    const lock = tryLock(join(directory, "door"));
    if ("release" in lock) {
      try {
        return step();
      } finally {
        lock.release();
      }
    }
    await pause(PAUSE_MS, signal);
  }
  if (signal.aborted) return undefined;
  throw new Error(
    `The directory ${directory} stays locked by another process. Look what uses it, or remove it.`,
  );
}

/** The name of a directory for a name with any characters. */
export function shortHash(name: string): string {
  return createHash("sha256").update(name).digest("hex").slice(0, 32);
}
