import { codeOf } from "./code-of.ts";

/**
 * Puts something into a directory that other processes remove while it is empty, which they may do just before. `make`
 * makes the directory. Throws the error of `put` or `make` that is another one than ENOENT, or that of the last attempt.
 */
export function intoDirectory<T>(attempts: number, make: () => void, put: () => T): T {
  for (let attempt = 1; ; attempt++) {
    try {
      make();
      return put();
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || attempt === attempts) throw error;
    }
  }
}
