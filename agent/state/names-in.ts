import { readdirSync } from "node:fs";
import { codeOf } from "../../shared/code-of.ts";

/** The names in a directory; empty when the directory does not exist. */
export function namesIn(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}
