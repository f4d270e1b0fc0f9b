import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Env } from "./command.ts";

/** Where the CLI and the agent keep what they know: `TANVRIT_HOME`, else `~/.tanvrit`. Absolute. */
export function tanvritHome(env: Env): string {
  return resolve(env.TANVRIT_HOME || defaultHome());
}

export function isDefaultHome(env: Env): boolean {
  return tanvritHome(env) === resolve(defaultHome());
}

function defaultHome(): string {
  return join(homedir(), ".tanvrit");
}

/** Writes a file that only its owner may read; whoever reads it sees the old content or the new, never a half. */
export async function writePrivateFile(path: string, content: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.${crypto.randomUUID()}.tmp`;
  try {
    await writeFile(temporary, content, { mode: 0o600, flag: "wx", flush: true });
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
