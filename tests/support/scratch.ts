import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A new directory that is removed when the scope ends: `await using scratch = await makeScratch()`. */
export async function makeScratch(): Promise<Scratch> {
  return new Scratch(await mkdtemp(join(tmpdir(), "tanvrit-test-")));
}

/** Shared memory, where Linux mounts it. In a container it may be far too small. */
const SHARED_MEMORY = "/dev/shm";
const ENOUGH_MEMORY_BYTES = 4 * 1024 ** 3;

/**
 * The same in memory if there is enough of it: for data that must outlive the processes under test, but not the
 * machine.
 */
export async function makeScratchInMemory(): Promise<Scratch> {
  const { bavail, bsize } = await statfs(SHARED_MEMORY).catch(() => ({ bavail: 0, bsize: 0 })); // this machine has no shared memory
  if (bavail * bsize < ENOUGH_MEMORY_BYTES) return makeScratch();
  return new Scratch(await mkdtemp(join(SHARED_MEMORY, "tanvrit-test-")));
}

export class Scratch implements AsyncDisposable {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  join(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.path, { recursive: true, force: true, maxRetries: 5 });
  }
}
