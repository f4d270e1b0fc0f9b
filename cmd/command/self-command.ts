import { join } from "node:path";

/** How to start this very program again: the binary itself, or bun with the entry of the sources. */
export function selfCommand(): string[] {
  const compiled = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/.test(Bun.main);
  return compiled ? [process.execPath] : [process.execPath, join(import.meta.dirname, "../main.ts")];
}
