import { linkSync, renameSync, rmSync, writeFileSync } from "node:fs";

let counter = 0;

/** Writes a file that only its owner may read, so that a reader sees the old content or the new, never a half. */
export function writeFileAtomic(path: string, content: string): void {
  writeVia(path, content, (temporary) => renameSync(temporary, path));
}

/** The same where there is no such file yet; returns whether there was none. Of many that try at once one makes it. */
export function makeFileOnce(path: string, content: string): boolean {
  let made = true;
  writeVia(path, content, (temporary) => {
    try {
      linkSync(temporary, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
      made = false;
    }
    rmSync(temporary);
  });
  return made;
}

function writeVia(path: string, content: string, put: (temporary: string) => void): void {
  const temporary = `${path}.${process.pid}.${counter++}.tmp`;
  try {
    writeFileSync(temporary, content, { mode: 0o600, flag: "wx", flush: true });
    put(temporary);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
