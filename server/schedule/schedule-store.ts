import type { ScheduleStatus } from "../../shared/schedule/schedule.ts";
import type { FireRecord, ScheduleRecord } from "./schedule-record.ts";

/** All that decides what becomes of a schedule's fires. */
export interface ScheduleState {
  schedule: ScheduleRecord;
  /** Those that are PENDING or WAITING, oldest first. */
  openFires: FireRecord[];
  /**
   * Jobs of this schedule that are not over, by their id. Where its overlap policy is `allow` there may be any number of
   * them, and nothing depends on them: none is looked for.
   */
  liveJobIds: string[];
}

/** What a decision makes of a schedule; what is left out stays as it was. */
export interface ScheduleDecision<Result> {
  schedule?: ScheduleRecord;
  /** New ones, and open ones that changed. */
  fires?: readonly FireRecord[];
  /** Due times behind this have not come, whatever fires there are of them: they may have others. */
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
 * Where schedules and their fires are kept. Every operation is safe to call from many places at once; what it resolves
 * with is on disk. Rows of another business are never found where a business is named. Rejects with ComputeError
 * `storage_failed` when the store refuses.
 */
export interface ScheduleStore {
  insert(schedule: ScheduleRecord): Promise<void>;
  find(businessId: string, scheduleId: string): Promise<ScheduleRecord | undefined>;
  /** Newest first. */
  list(query: ScheduleListQuery): Promise<ScheduleRecord[]>;
  /** With its fires. Resolves with whether it was there. */
  delete(businessId: string, scheduleId: string): Promise<boolean>;
  /**
   * Reads the schedule, lets `decide` say what becomes of it, and writes that only if nothing of the schedule or its
   * fires changed in between: this is what makes a due time fire once, with any number of servers. `decide` is pure, and
   * is called again with what is stored by then when somebody else was faster; `undefined` means there is no such schedule.
   */
  change<Result>(
    key: { scheduleId: string; businessId?: string },
    decide: (state: ScheduleState | undefined) => ScheduleDecision<Result>,
  ): Promise<Result>;
  /** Of all businesses, those whose time to fire has come; the most overdue first. */
  due(nowMs: number, limit: number): Promise<ScheduleRecord[]>;
  /** When the next of all schedules is to fire. */
  nextFireAt(): Promise<number | undefined>;
  /**
   * ACTIVE schedules of all businesses that were planned later than this, or whose last due time is later; in the order
   * of their ids, behind this one.
   */
  plannedAfter(atMs: number, afterScheduleId: string | undefined, limit: number): Promise<ScheduleRecord[]>;
  /** Ids of schedules with open fires, in order, behind this one. */
  withOpenFires(afterScheduleId: string | undefined, limit: number): Promise<string[]>;
  /** Newest first. */
  fires(query: FireListQuery): Promise<FireRecord[]>;
  /** Forgets all but the newest fires of a schedule; open ones stay. */
  pruneFires(scheduleId: string, keep: number): Promise<void>;
}
