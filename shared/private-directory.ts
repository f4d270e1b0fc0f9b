import { chmodSync, mkdirSync, readdirSync, statSync } from "node:fs";

/** A directory that must not be used because other accounts may enter it; the message says why. */
export class OpenDirectoryError extends Error {
  override name = "OpenDirectoryError";
}

const OTHERS = 0o077;
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
