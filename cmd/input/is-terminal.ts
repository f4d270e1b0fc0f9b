import { fstatSync } from "node:fs";

/**
 * Whether this file descriptor of ours is a terminal. `node:tty` takes 9 ms to load, which is a third of a short command, so
 * it is only asked about devices.
 */
export function isTerminal(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && process.getBuiltinModule("node:tty").isatty(fd);
  } catch {
    return false; // The stream is closed.
  }
}
