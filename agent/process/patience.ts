import { codeOf } from "../../shared/code-of.ts";
import { isDead, processStat } from "./process-table.ts";

/** A process that only the kernel or its account keeps alive, and that has lived on for so long, will not die. */
const HOPELESS_MS = 5_000;
const HOPELESS_LOOKS = 10;
/** A machine that is too busy to run the killed processes once more gets this long. */
const LIMIT_MS = 60_000;
/** How many processes a message names. */
const MAX_NAMED = 10;

/** Why a process does not end after SIGKILL; undefined: it only waits for its turn to run. */
type Obstacle = "of another account" | "hangs in the kernel";

interface Hopeless {
  sinceMs: number;
  looks: number;
}

/**
 * Decides when to stop trying to end processes. A killed process must run once more before it is gone, which takes long
 * when hundreds of processes want to run, and new processes may be born in the meantime. Neither is a reason to give up.
 * The reason is that only processes are left that belong to another account or hang in the kernel.
 */
export class Patience {
  private readonly startMs: number;
  private hopeless = new Map<string, Hopeless>();

  constructor(
    private readonly now: () => number = () => performance.now(),
    private readonly obstacleOf: (pid: number) => Obstacle | undefined = obstacleTo,
  ) {
    this.startMs = now();
  }

  /** @param left lists the processes that still live. It is called only after a while, because most end sooner. */
  isOver(left: () => Iterable<number>): boolean {
    const nowMs = this.now();
    const elapsedMs = nowMs - this.startMs;
    if (elapsedMs > LIMIT_MS) return true;
    // Until then, no process can have been hopeless for long.
    if (elapsedMs < HOPELESS_MS / 10) return false;
    const pids = [...left()];
    const before = this.hopeless;
    this.hopeless = new Map();
    for (const pid of pids) {
      if (this.obstacleOf(pid) === undefined) continue;
      const key = `${pid} ${processStat(pid)?.startTicks}`;
      const { sinceMs, looks } = before.get(key) ?? { sinceMs: nowMs, looks: 0 };
      this.hopeless.set(key, { sinceMs, looks: looks + 1 });
    }
    if (pids.length === 0 || this.hopeless.size < pids.length) return false;
    return [...this.hopeless.values()].every(
      ({ sinceMs, looks }) => nowMs - sinceMs >= HOPELESS_MS && looks >= HOPELESS_LOOKS,
    );
  }
}

/** A message that lists the processes that could not be ended, and why; undefined if none of them lives any more. */
export function whoIsLeft(pids: readonly number[]): string | undefined {
  const living = pids.flatMap((pid) => {
    const row = processStat(pid);
    return row && !isDead(row)
      ? [`${row.name} (${pid}, ${obstacleTo(pid) ?? "killed and still ending"})`]
      : [];
  });
  if (living.length === 0) return undefined;
  const more = living.length > MAX_NAMED ? ` and ${living.length - MAX_NAMED} more` : "";
  return (
    `These processes of the job could not be ended: ${living.slice(0, MAX_NAMED).join(", ")}${more}. ` +
    "Processes of another account, as after sudo, must be ended by that account or by root; those that hang in the kernel end when the kernel lets them go."
  );
}

function obstacleTo(pid: number): Obstacle | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === "EPERM" ? "of another account" : undefined;
  }
  return processStat(pid)?.state === "D" ? "hangs in the kernel" : undefined;
}
