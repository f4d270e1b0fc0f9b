import { readFileSync } from "node:fs";
import { join } from "node:path";
import { processLives } from "../../shared/process-lives.ts";
import { waitFor } from "./wait.ts";

/** The supervisors of the agents in this home, found by the locks they hold. */
export function supervisorsBelow(home: string): number[] {
  const locks = new Bun.Glob("agent/*/supervisors/*/lock").scanSync({ cwd: home });
  return [...locks]
    .map((lock) => pidIn(join(home, lock)))
    .filter((pid) => pid !== undefined && processLives(pid)) as number[];
}

/** Kills them immediately, and returns them. A killed one stays among those below `home` until it is reaped. */
export function killSupervisors(home: string): number[] {
  const killed = supervisorsBelow(home);
  for (const pid of killed) signal(pid, "SIGKILL");
  return killed;
}

/** Waits for one that is not among those that were killed. */
export async function nextSupervisor(home: string, killed: readonly number[]): Promise<void> {
  const isNext = (pid: number) => !killed.includes(pid);
  await waitFor("the next supervisor", () => supervisorsBelow(home).some(isNext));
}

/** Ends them and all their processes, also one that is only starting, so that a finished test leaves no job behind. */
export async function stopSupervisors(home: string): Promise<void> {
  const asked = new Set<number>();
  await waitFor(`the supervisors below ${home} to end`, () => {
    const alive = supervisorsBelow(home);
    for (const pid of alive.filter((pid) => !asked.has(pid))) {
      asked.add(pid);
      signal(pid, "SIGTERM");
    }
    return alive.length === 0;
  });
}

function pidIn(path: string): number | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")).pid;
  } catch {
    return undefined; // It released its lock in the meantime.
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone.
  }
}
