import type { PeriodicTask } from "../tasks/periodic.ts";
import type { VisitStore } from "./visit-store.ts";

const EVERY_MS = 10 * 60_000;
/** How many one run removes; the next run continues. */
const PER_RUN = 500;
const CONTINUE_AFTER_MS = 1_000;

/** `compute-visits`: removes browsers and links that have expired. Until then nobody gets in with them either. */
export function visitExpiryTask(visits: VisitStore): PeriodicTask {
  return {
    name: "compute-visits",
    intervalMs: EVERY_MS,
    runsOn: "one",
    async runOnce(nowMs) {
      const removed = await visits.removeExpired(nowMs, PER_RUN);
      return { nextDueAtMs: removed >= PER_RUN ? nowMs + CONTINUE_AFTER_MS : undefined };
    },
  };
}
