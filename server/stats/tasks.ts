import { Turns } from "../../shared/turns.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import { FLUSH_EVERY_MS, type History } from "./history.ts";
import { SERVERS, type StatsStore } from "./stats-store.ts";

/** Shorter than the finest step, so that each of its tallies has at least one look. */
const LOOK_EVERY_MS = 9_000;
const MERGE_EVERY_MS = 60_000;
/** How much one run merges. What is left is merged by the next. */
const MAX_MERGES = 100;

/** `compute-history`: hands what this server counted to the store. */
export function historyTask(history: History): PeriodicTask {
  return {
    name: "compute-history",
    intervalMs: FLUSH_EVERY_MS,
    runsOn: "each",
    async runOnce() {
      await history.flush();
      return { nextDueAtMs: undefined };
    },
  };
}

/** `compute-gauges`: counts what runs and what waits, in every business. */
export function gaugesTask(store: Pick<StatsStore, "busy">, history: History): PeriodicTask {
  return {
    name: "compute-gauges",
    intervalMs: LOOK_EVERY_MS,
    runsOn: "one",
    async runOnce() {
      const businesses = await store.busy();
      history.add(SERVERS, { sums: { looks: 1 }, peaks: {} });
      for (const { businessId, running, queued } of businesses) {
        history.add(businessId, { sums: { running, queued }, peaks: {} });
      }
      return { nextDueAtMs: undefined };
    },
  };
}

/** `compute-tallies`: merges old tallies, and removes the oldest. */
export function mergeTask(store: Pick<StatsStore, "merge">): PeriodicTask {
  return {
    name: "compute-tallies",
    intervalMs: MERGE_EVERY_MS,
    runsOn: "one",
    async runOnce(nowMs) {
      const turns = new Turns();
      for (let merges = 0; merges < MAX_MERGES && (await store.merge(Math.floor(nowMs / 1_000))); merges++) {
        await turns.next();
      }
      return { nextDueAtMs: undefined };
    },
  };
}
