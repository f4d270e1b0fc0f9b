import {
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  rmSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { fileLimits } from "../../../shared/files/file-limits.ts";
import { sha256Of } from "../../../shared/files/sha256.ts";
import { blobsOf, type FileEntry } from "../../../shared/files/tree.ts";
import { processLives } from "../../../shared/process-lives.ts";
import { textOf } from "../../../shared/text-of.ts";
import { FileError } from "../../files/file-error.ts";

/**
 * The directory in which a download is put together, inside its target so that it is on the same disk. If the process
 * dies, the next download of the same files goes on with it.
 */
export class Staging {
  private constructor(
    readonly path: string,
    /** Whether another process began it. */
    readonly isResumed: boolean,
    /** The topmost directory that had to be made for the target. */
    private readonly madeTarget: string | undefined,
  ) {}

  /** @param key equal for downloads of the same files. Throws FileError. */
  static open(target: string, key: string): Staging {
    try {
      const made = mkdirSync(target, { recursive: true });
      const prefix = `.tanvrit-download-${key.slice(0, 16)}-`;
      const path = join(target, `${prefix}${process.pid}`);
      for (const name of readdirSync(target)) {
        if (!name.startsWith(prefix) || processLives(Number(name.slice(prefix.length)))) continue;
        // Of several processes that find it, one renames it.
        if (renamed(join(target, name), path)) return new Staging(path, true, made);
      }
      mkdirSync(path, { mode: 0o700 });
      return new Staging(path, false, made);
    } catch (error) {
      throw new FileError("disk", target, `cannot make a directory in it: ${textOf(error)}`, {
        cause: error,
      });
    }
  }

  /** How many bytes at the begin of the file, in whole parts, are there and good. What is not good is removed. */
  goodBytes(path: string, file: FileEntry): number {
    const at = join(this.path, path);
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (!this.isResumed || !stat) return 0;
    const good = stat.isFile() ? goodBytesIn(at, file) : 0;
    if (good === 0) rmSync(at, { recursive: true });
    return good;
  }

  /** Removes what another process left where a link goes. */
  clear(path: string): void {
    if (this.isResumed) rmSync(join(this.path, path), { recursive: true, force: true });
  }

  /** Removes it, and the target if it was made for it and is empty. */
  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
    if (this.madeTarget === undefined) return;
    for (let at = dirname(this.path); at.length >= this.madeTarget.length; at = dirname(at)) {
      if (readdirSync(at).length > 0) return;
      rmSync(at, { recursive: true });
    }
  }
}

function renamed(from: string, to: string): boolean {
  try {
    renameSync(from, to);
    return true;
  } catch {
    return false; // Another process has it.
  }
}

function goodBytesIn(path: string, file: FileEntry): number {
  const descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const memory = Buffer.allocUnsafe(Math.min(file.size, fileLimits.partBytes));
    let good = 0;
    for (const { sha256, bytes } of blobsOf(file)) {
      const content = memory.subarray(0, bytes);
      if (readSync(descriptor, content, 0, bytes, good) < bytes || sha256Of(content) !== sha256) break;
      good += bytes;
    }
    return good;
  } finally {
    closeSync(descriptor);
  }
}
