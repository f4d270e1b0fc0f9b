/** What is due: a job may be handed out, a job has waited too long, or a schedule fires. */
export type DueKind = "start" | "expiry" | "fire";

/** Gets times (epoch milliseconds) at which something is due before the next tick, so that it need not wait for the tick. */
export interface DueTimes {
  /** A job may be handed out from this time on. */
  start(dueAtMs: number): void;
  /** A job has waited too long at this time. */
  expiry(dueAtMs: number): void;
}
