import { renameSync, rmSync, writeFileSync } from "node:fs";

let counter = 0;

/** Writes a file that only its owner may read, so that a reader sees the old content or the new, never a half. */
export function writeFileAtomic(path: string, content: string): void {
  const temporary = `${path}.${process.pid}.${counter++}.tmp`;
  try {
    writeFileSync(temporary, content, { mode: 0o600, flag: "wx", flush: true });
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
