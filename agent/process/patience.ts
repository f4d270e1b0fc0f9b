import { isDead, processStat } from "./process-table.ts";

/** Who lives on for so long though nothing keeps it from dying but the kernel or its account does not die at all. */
const HOPELESS_MS = 5_000;
const HOPELESS_LOOKS = 10;
/** A machine that is too busy to run the dying gets this long. */
const LIMIT_MS = 60_000;
/** So many are named. */
const MAX_NAMED = 10;

/** Why a process does not end though SIGKILL was sent to it; undefined: it only waits for its turn to run. */
type Obstacle = "of another account" | "hangs in the kernel";

interface Hopeless {
  sinceMs: number;
  looks: number;
}

/**
 * How long it is worth ending processes. One that was killed runs once more before it is gone, which takes long where
 * hundreds want to run, and others may be born meanwhile: all that is no reason to give up. What belongs to another
 * account or hangs in the kernel is, when nothing else is left.
 */
export class Patience {
  private readonly now: () => number;
  private readonly obstacleOf: (pid: number) => Obstacle | undefined;
  private readonly startMs: number;
  private hopeless = new Map<string, Hopeless>();

  constructor(now = () => performance.now(), obstacleOf = obstacleTo) {
    this.now = now;
    this.obstacleOf = obstacleOf;
    this.startMs = now();
  }

  /** @param left looks for what still lives. It is asked only after a while, since most is gone sooner. */
  isOver(left: () => Iterable<number>): boolean {
    const nowMs = this.now();
    const elapsedMs = nowMs - this.startMs;
    if (elapsedMs > LIMIT_MS) return true;
    // Before, nobody could have been hopeless for long.
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

/** Says by name who could not be ended, and why; undefined where none of them lives any more. */
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
    "Have their account, or root, end those of another account, as of sudo; what hangs in the kernel ends when the kernel lets go of it."
  );
}

function obstacleTo(pid: number): Obstacle | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM" ? "of another account" : undefined;
  }
  return processStat(pid)?.state === "D" ? "hangs in the kernel" : undefined;
}
