import { readFileSync } from "node:fs";
import { join } from "node:path";
import { waitFor } from "./wait.ts";

/** The supervisors of the agents in this home, found by the locks they hold. */
export function supervisorsBelow(home: string): number[] {
  const locks = new Bun.Glob("agent/*/supervisors/*/lock").scanSync({ cwd: home });
  return [...locks]
    .map((lock) => pidIn(join(home, lock)))
    .filter((pid) => pid !== undefined && isAlive(pid)) as number[];
}

/** Kills them and all their processes, so that a finished test leaves no job behind. */
export async function stopSupervisors(home: string): Promise<void> {
  for (const pid of supervisorsBelow(home)) signal(pid, "SIGTERM");
  await waitFor(`the supervisors below ${home} to end`, () => supervisorsBelow(home).length === 0);
}

function pidIn(path: string): number | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")).pid;
  } catch {
    return undefined; // It released its lock in the meantime.
  }
}

function isAlive(pid: number): boolean {
  return signal(pid, 0);
}

function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    process.kill(pid, name);
    return true;
  } catch {
    return false; // It is gone.
  }
}
