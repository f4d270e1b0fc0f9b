import type { Schedule, ScheduleFire, UpcomingFire } from "../../shared/schedule/schedule.ts";
import { isoTime } from "../http/iso-time.ts";
import { CronRule } from "./cron-rule.ts";
import type { FireRecord, ScheduleRecord } from "./schedule-record.ts";

/** A schedule as the API shows it. */
export function scheduleView(record: ScheduleRecord): Schedule {
  const { work } = record;
  return {
    scheduleId: record.scheduleId,
    businessId: record.businessId,
    userId: record.userId,
    name: record.name,
    cron: record.cron,
    timeZone: record.timeZone,
    words: wordsOf(record),
    overlap: record.overlap,
    misfire: record.misfire,
    misfireWindowSeconds: record.misfireWindowSeconds,
    jitterSeconds: record.jitterSeconds,
    job: "job" in work ? work.job : undefined,
    template: "template" in work ? work.template : undefined,
    parameters: "template" in work ? work.parameters : undefined,
    status: record.status,
    pauseReason: record.pauseReason,
    nextFireAt: isoTime(record.nextFireAtMs),
    fireCount: record.fireCount,
    createdAt: isoTime(record.createdAtMs),
  };
}

export function fireView(record: FireRecord): ScheduleFire {
  return {
    fireId: record.fireId,
    scheduleId: record.scheduleId,
    trigger: record.trigger,
    dueAt: isoTime(record.dueAtMs),
    decidedAt: isoTime(record.decidedAtMs),
    status: record.status,
    reason: record.reason,
    message: record.message,
    jobId: record.jobId,
  };
}

/** @param timeZone the rule's zone, in which `localTime` is shown. */
export function upcomingViews(
  fires: readonly { dueAtMs: number; fireAtMs: number }[],
  timeZone: string,
): UpcomingFire[] {
  const format = new Intl.DateTimeFormat("en-GB", {
    timeZone,
    weekday: "long",
    day: "numeric",
    month: "long",
    year: "numeric",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "short",
  });
  return fires.map(({ dueAtMs, fireAtMs }) => ({
    dueAt: isoTime(dueAtMs),
    fireAt: isoTime(fireAtMs),
    localTime: format.format(dueAtMs),
  }));
}

function wordsOf(record: ScheduleRecord): string {
  try {
    return CronRule.parse(record.cron, record.timeZone).words;
  } catch {
    // A schedule whose rule this version no longer understands can still be listed and deleted.
    return record.cron;
  }
}
