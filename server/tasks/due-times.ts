/** A job may be handed out; it has waited too long; a schedule fires. */
export type DueKind = "start" | "expiry" | "fire";

/** Told when something is due before the next tick (epoch milliseconds), so that it need not wait for it. */
export interface DueTimes {
  /** A job may be handed out from then on. */
  start(dueAtMs: number): void;
  /** A job has waited too long by then. */
  expiry(dueAtMs: number): void;
}
