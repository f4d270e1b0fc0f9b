import { linkSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { codeOf } from "./code-of.ts";

let counter = 0;

/** Writes a file only its owner may read. A reader sees the old content or the new, never a part of it. */
export function writeFileAtomic(path: string, content: string): void {
  writeVia(path, content, (temporary) => renameSync(temporary, path));
}

/** Creates a file only its owner may read, unless it exists. Returns whether this call created it; of many at once, one does. */
export function makeFileOnce(path: string, content: string): boolean {
  let made = true;
  writeVia(path, content, (temporary) => {
    try {
      linkSync(temporary, path);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
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
