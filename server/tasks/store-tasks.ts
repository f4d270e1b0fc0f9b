import type { PeriodicTask } from "./periodic.ts";
/** What a store of many servers needs done from time to time; absent where it needs nothing. */
export interface SharedStore {
  endAbandoned?: (() => Promise<void>) | undefined;
  clock?: { look(): Promise<void> } | undefined;
}

/** What a store of many servers needs. */
export function sharedStoreTasks({ endAbandoned, clock }: SharedStore): PeriodicTask[] {
  return [
    ...(endAbandoned ? [abandonedTask(endAbandoned)] : []),
    ...(clock ? [databaseClockTask(clock)] : []),
  ];
}

/** `compute-abandoned`: what a server that died holds locked in a store of many servers is let go within seconds. */
function abandonedTask(endAbandoned: () => Promise<void>): PeriodicTask {
  return {
    name: "compute-abandoned",
    intervalMs: 2_000,
    // Also of the server that held the lease, and the lease itself may be what is locked.
    runsOn: "each",
    async runOnce() {
      await endAbandoned();
      return { nextDueAtMs: undefined };
    },
  };
}

/** `compute-database-clock`: the servers on a store go by one time. */
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
