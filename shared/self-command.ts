import { join } from "node:path";

/** The command that starts this same program again: the binary itself, or bun with the source's entry point. */
export function selfCommand(): string[] {
  const compiled = /^(\/\$bunfs\/|[A-Z]:[\\/]~BUN[\\/])/.test(Bun.main);
  return compiled ? [process.execPath] : [process.execPath, join(import.meta.dirname, "../cmd/main.ts")];
}
