import type { PeriodicTask } from "../tasks/periodic.ts";
import type { SecretStore } from "./secret-store.ts";

const EVERY_MS = 60_000;
/** How many one run removes; the next run continues. */
const PER_RUN = 500;
const CONTINUE_AFTER_MS = 1_000;

/** `compute-secrets`: removes secrets that have expired. Until then nobody gets them either. */
export function secretExpiryTask(secrets: SecretStore): PeriodicTask {
  return {
    name: "compute-secrets",
    intervalMs: EVERY_MS,
    runsOn: "one",
    async runOnce(nowMs) {
      const removed = await secrets.removeExpired(nowMs, PER_RUN);
      return { nextDueAtMs: removed >= PER_RUN ? nowMs + CONTINUE_AFTER_MS : undefined };
    },
  };
}
