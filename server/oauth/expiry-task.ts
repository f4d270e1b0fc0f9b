import type { PeriodicTask } from "../tasks/periodic.ts";
import type { GrantStore } from "./grant-store.ts";

const HOUR_MS = 3_600_000;
/** A code that comes back within a day after it expired still ends the session that it gave. */
const KEPT_MS = 24 * HOUR_MS;

/** Removes codes and devices that nobody can use any more. */
export function grantExpiryTask(grants: GrantStore): PeriodicTask {
  return {
    name: "compute-oauth-expiry",
    intervalMs: HOUR_MS,
    runsOn: "one",
    runOnce: async (nowMs) => {
      await grants.removeExpired(nowMs - KEPT_MS);
      return { nextDueAtMs: undefined };
    },
  };
}
