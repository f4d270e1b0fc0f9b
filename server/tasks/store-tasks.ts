import type { PeriodicTask } from "./periodic.ts";

/** What a store that several servers share needs done from time to time; absent if it needs nothing. */
export interface SharedStore {
  endAbandoned?: (() => Promise<void>) | undefined;
  clock?: { look(): Promise<void> } | undefined;
}

/** The tasks for a store that several servers share. */
export function sharedStoreTasks({ endAbandoned, clock }: SharedStore): PeriodicTask[] {
  return [
    ...(endAbandoned ? [abandonedTask(endAbandoned)] : []),
    ...(clock ? [databaseClockTask(clock)] : []),
  ];
}

/** `compute-abandoned`: releases within seconds what a server that died still holds locked in a shared store. */
function abandonedTask(endAbandoned: () => Promise<void>): PeriodicTask {
  return {
    name: "compute-abandoned",
    intervalMs: 2_000,
    // The server that died may be the one with the lease, and the lease itself may be locked.
    runsOn: "each",
    async runOnce() {
      await endAbandoned();
      return { nextDueAtMs: undefined };
    },
  };
}

/** `compute-database-clock`: keeps the servers of a store on the same time. */
function databaseClockTask(clock: { look(): Promise<void> }): PeriodicTask {
  return {
    name: "compute-database-clock",
    intervalMs: 10_000,
    runsOn: "each",
    async runOnce() {
      await clock.look();
      return { nextDueAtMs: undefined };
    },
  };
}
