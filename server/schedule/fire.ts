import { newId } from "../../shared/ids.ts";
import type { SkipReason } from "../../shared/schedule/schedule.ts";
import type { FireRecord, ScheduleRecord } from "./schedule-record.ts";

/** A fire whose job has not been submitted. */
export function newFire(
  schedule: ScheduleRecord,
  trigger: FireRecord["trigger"],
  dueAtMs: number,
  nowMs: number,
): FireRecord {
  return {
    fireId: newId("fire"),
    scheduleId: schedule.scheduleId,
    businessId: schedule.businessId,
    trigger,
    dueAtMs,
    decidedAtMs: nowMs,
    status: "PENDING",
    reason: undefined,
    message: undefined,
    jobId: undefined,
    job: undefined,
    ...(trigger === "clock" && dueAtMs <= (schedule.firedAheadUntilMs ?? 0) && { isAgain: true }),
  };
}

export function skip(fire: FireRecord, reason: SkipReason, message: string): FireRecord {
  return { ...fire, status: "SKIPPED", reason, message, job: undefined };
}
