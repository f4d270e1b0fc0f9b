import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync } from "node:fs";

/** A directory that must not be used because other accounts may enter it; the message says why. */
export class OpenDirectoryError extends Error {
  override name = "OpenDirectoryError";
}

/** An existing directory that another account made, or may write to; the message says what to do about it. */
export class UnsafeDirectoryError extends Error {
  override name = "UnsafeDirectoryError";
}

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
/** Entries a new file system may have before anybody writes to it. */
const OF_FILE_SYSTEMS = new Set(["lost+found"]);

/**
 * Creates a directory for this account alone, or closes an existing one that others may enter. Returns whether it had to
 * be closed. Throws OpenDirectoryError if it belongs to another account, or if others may enter it and it contains other
 * files than ours: a typing error must not close a home directory or `/tmp`.
 *
 * @param marks file names that show that the directory was ours before.
 */
export function openPrivateDirectory(path: string, marks: readonly string[]): { wasOpen: boolean } {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const uid = process.geteuid?.();
  if (uid === undefined || process.platform === "win32") return { wasOpen: false };
  const entry = statSync(path);
  if (entry.uid !== uid) {
    throw new OpenDirectoryError(
      `${path} belongs to another account (user id ${entry.uid}; this process has ${uid})`,
    );
  }
  if ((entry.mode & OTHERS) === 0) return { wasOpen: false };
  const names = readdirSync(path).filter((name) => !OF_FILE_SYSTEMS.has(name));
  const isOurs = names.length === 0 || names.some((name) => marks.includes(name));
  if (!isOurs || (entry.mode & STICKY) !== 0) {
    throw new OpenDirectoryError(`Other accounts may enter ${path}, and it contains other files`);
  }
  chmodSync(path, 0o700);
  return { wasOpen: true };
}

/**
 * Creates a directory only this account may enter. Throws UnsafeDirectoryError if an existing one belongs to another
 * account or others may write to it: below a world-writable directory, another account may have created it as a trap.
 *
 * @param remedy what to do about such a directory, a sentence.
 */
export function makePrivateDirectory(path: string, remedy = "Remove it, or choose another directory."): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (process.platform === "win32") return;
  const entry = lstatSync(path);
  // Not `userInfo`, which fails for a service that runs under a bare user id without HOME.
  if (!entry.isDirectory() || entry.uid !== process.getuid?.() || (entry.mode & OTHERS_WRITE) !== 0) {
    throw new UnsafeDirectoryError(`${path} does not belong to this account alone. ${remedy}`);
  }
  if ((entry.mode & OTHERS) !== 0) chmodSync(path, 0o700);
}
