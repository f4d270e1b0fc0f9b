import type { PeriodicTask } from "../tasks/periodic.ts";

const EVERY_MS = 60_000;
/** How many one run removes; the next run continues. */
const PER_RUN = 500;
const CONTINUE_AFTER_MS = 1_000;

/** A store whose rows end by themselves. */
export interface EndingRows {
  /** Removes up to `limit` rows that have ended. Resolves with how many. */
  prune(nowMs: number, limit: number): Promise<number>;
}

/** `compute-sign-in`: removes counted tries, codes and challenges that have ended. They have no effect any more. */
export function pruneTask(stores: readonly EndingRows[]): PeriodicTask {
  return {
    name: "compute-sign-in",
    intervalMs: EVERY_MS,
    runsOn: "one",
    async runOnce(nowMs) {
      const removed = await Promise.all(stores.map((store) => store.prune(nowMs, PER_RUN)));
      return { nextDueAtMs: Math.max(...removed) >= PER_RUN ? nowMs + CONTINUE_AFTER_MS : undefined };
    },
  };
}
