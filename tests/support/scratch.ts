import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A directory of its own that is removed when the scope ends: `await using scratch = await makeScratch()`. */
export async function makeScratch(): Promise<Scratch> {
  return new Scratch(await mkdtemp(join(tmpdir(), "tanvrit-test-")));
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
