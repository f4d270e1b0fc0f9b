import type { ScheduleStatus } from "../../shared/schedule/schedule.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import type { FireRecord, ScheduleRecord } from "./schedule-record.ts";

/** Everything that decides on a schedule's fires. */
export interface ScheduleState {
  schedule: ScheduleRecord;
  /** Fires that are PENDING or WAITING, oldest first. */
  openFires: FireRecord[];
  /**
   * Ids of the jobs of this schedule that are not over. Always empty with the overlap policy `allow`: there may be any
   * number of jobs, nothing depends on them, and they are not looked up.
   */
  liveJobIds: string[];
}

/** What a decision changes; whatever it leaves out stays as it was. */
export interface ScheduleDecision<Result> {
  schedule?: ScheduleRecord;
  /** New fires, and open fires that changed. */
  fires?: readonly FireRecord[];
  /** Due times after this have not come, even if they have fires: those no longer count, and they may fire again. */
  forgetDueAfterMs?: number | undefined;
  result: Result;
}

export interface ScheduleListQuery {
  businessId: string;
  status: readonly ScheduleStatus[] | undefined;
  /** Only schedules older than this id. */
  beforeScheduleId: string | undefined;
  limit: number;
}

export interface FireListQuery {
  businessId: string;
  scheduleId: string;
  /** Only fires decided on before this one. */
  beforeFireId: string | undefined;
  limit: number;
}

/**
 * Stores schedules and their fires. Every operation is safe to call concurrently, and what it resolves with is on disk. An
 * operation that names a business never finds rows of another business. Rejects with ComputeError `storage_failed` when
 * the store refuses.
 */
export interface ScheduleStore {
  insert(schedule: ScheduleRecord): Promise<void>;
  find(businessId: string, scheduleId: string): Promise<ScheduleRecord | undefined>;
  /** Newest first. */
  list(query: ScheduleListQuery): Promise<ScheduleRecord[]>;
  /** Deletes the schedule with its fires, or moves it into the trash. Resolves with whether it existed. */
  delete(businessId: string, scheduleId: string, into?: IntoTrash): Promise<boolean>;
  /**
   * Reads the schedule, calls `decide`, and writes the decision only if neither the schedule nor its fires changed in
   * between. This is why a due time fires once with any number of servers. `decide` must be pure: it is called again with
   * the newly stored state if another caller was faster. It gets `undefined` if the schedule does not exist.
   */
  change<Result>(
    key: { scheduleId: string; businessId?: string },
    decide: (state: ScheduleState | undefined) => ScheduleDecision<Result>,
  ): Promise<Result>;
  /** Schedules of all businesses whose time to fire has come, the most overdue first. */
  due(nowMs: number, limit: number): Promise<ScheduleRecord[]>;
  /** When the next schedule of all fires, in epoch milliseconds; undefined if none will. */
  nextFireAt(): Promise<number | undefined>;
  /**
   * ACTIVE schedules of all businesses that were planned later than `atMs`, or whose last due time is later. In the order
   * of their ids, after `afterScheduleId`.
   */
  plannedAfter(atMs: number, afterScheduleId: string | undefined, limit: number): Promise<ScheduleRecord[]>;
  /** Ids of schedules with open fires, in order, after `afterScheduleId`. */
  withOpenFires(afterScheduleId: string | undefined, limit: number): Promise<string[]>;
  /** Newest first. */
  fires(query: FireListQuery): Promise<FireRecord[]>;
  /** Deletes all but the `keep` newest fires of a schedule. Open fires stay. */
  pruneFires(scheduleId: string, keep: number): Promise<void>;
}
