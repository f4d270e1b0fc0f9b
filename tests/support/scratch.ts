import { mkdtemp, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own that is removed when the scope ends: `await using scratch = await makeScratch()`. */
export async function makeScratch(): Promise<Scratch> {
  return new Scratch(await mkdtemp(join(tmpdir(), "tanvrit-test-")));
}

/** Shared memory, where Linux has it mounted. A container's own may be far too small. */
const SHARED_MEMORY = "/dev/shm";
const ENOUGH_MEMORY_BYTES = 4 * 1024 ** 3;

/** The same in memory where there is enough of it: for what outlives the processes under test, but not the machine. */
export async function makeScratchInMemory(): Promise<Scratch> {
  const { bavail, bsize } = await statfs(SHARED_MEMORY).catch(() => ({ bavail: 0, bsize: 0 })); // no such place here
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
