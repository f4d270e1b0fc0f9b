import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  openSync,
  readSync,
  type Stats,
} from "node:fs";
import { codeOf } from "../../shared/code-of.ts";
import { limits } from "../../shared/limits.ts";

// A job may have put a link or a named pipe in the place of its file.
const SAFE_FLAGS = constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * The first bytes of the file in which a job wrote its results: one more than results may have. undefined: there is no such
 * file. Throws an Error whose message says why it cannot be read.
 */
export function readSmallFile(path: string, ownerUid: number | undefined): Uint8Array | undefined {
  const file = openJobFile(path, ownerUid);
  if (file === undefined) return undefined;
  try {
    const content = Buffer.alloc(Math.min(fstatSync(file).size, limits.maxResultsBytes + 1));
    return content.subarray(0, readSync(file, content, 0, content.length, 0));
  } finally {
    closeSync(file);
  }
}

/** Opens a file of a job to read it. undefined: there is no such file. Throws like `readSmallFile`. */
export function openJobFile(path: string, ownerUid: number | undefined): number | undefined {
  const file = openIfThere(path, constants.O_RDONLY);
  if (file === undefined) return undefined;
  const stat = fstatSync(file);
  const problem = stat.isFile()
    ? ownerUid !== undefined && stat.uid !== ownerUid && "it belongs to another account"
    : "it is not a file";
  if (!problem) return file;
  closeSync(file);
  throw new Error(problem);
}

/** Removes the content of a file, if it is still the one that was made. */
export function eraseFile(path: string, made: Stats): void {
  try {
    const file = openIfThere(path, constants.O_WRONLY);
    if (file === undefined) return;
    try {
      const { dev, ino } = fstatSync(file);
      if (dev === made.dev && ino === made.ino) ftruncateSync(file);
    } finally {
      closeSync(file);
    }
  } catch {
    // The job changed its rights or put something else there; the directory is removed soon.
  }
}

function openIfThere(path: string, how: number): number | undefined {
  try {
    // Usually it is not there, and an error costs more than a look.
    if (!lstatSync(path, { throwIfNoEntry: false })) return undefined;
    return openSync(path, how | SAFE_FLAGS);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT") return undefined;
    if (code === "ELOOP") throw new Error("it is a link");
    if (code === "EACCES" || code === "EPERM") throw new Error("permission denied");
    throw new Error(`it cannot be opened (${code})`);
  }
}
