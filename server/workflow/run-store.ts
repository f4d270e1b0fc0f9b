import type { WorkflowRequest } from "../../shared/workflow-request.ts";
import type { WorkflowEvent, WorkflowRun } from "../../shared/workflow-run.ts";

/** The run of a workflow in one execution. */
export interface StoredRun {
  businessId: string;
  jobId: string;
  executionId: string;
  attempt: number;
  /** How many events were applied so far. */
  events: number;
  run: WorkflowRun;
}

/** Consecutive events of one execution. */
export interface RunEvents {
  businessId: string;
  jobId: string;
  executionId: string;
  attempt: number;
  /** What the run is made of if these are its first events. */
  request: Pick<WorkflowRequest, "path" | "event">;
  /** How many events come before these. */
  from: number;
  events: readonly WorkflowEvent[];
}

/** What became of events: how many the run has now, and those of them that are new. */
export interface Appended {
  events: number;
  applied: readonly WorkflowEvent[];
}

/**
 * Stores the state of workflow runs, one for each execution. Every operation is safe to call concurrently, and what it
 * resolves with is on disk. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface RunStore {
  /**
   * Applies the events that continue the run. Events that were applied before are ignored, and so are events after a hole.
   * The sender continues from the number of events that it gets back. No events: makes the run if there is none.
   */
  append(events: RunEvents): Promise<Appended>;
  find(executionId: string): Promise<StoredRun | undefined>;
}

/** The part of `events` that continues a run with that many events. */
export function continuingEvents(
  { from, events }: Pick<RunEvents, "from" | "events">,
  applied: number,
): readonly WorkflowEvent[] {
  return from > applied ? [] : events.slice(applied - from);
}
