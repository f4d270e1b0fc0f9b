import type { JobManifest } from "../../shared/manifest.ts";
import type {
  FireStatus,
  MisfirePolicy,
  OverlapPolicy,
  ScheduleFire,
  ScheduleStatus,
  SkipReason,
  TemplateParameters,
} from "../../shared/schedule/schedule.ts";

/** What a schedule submits: one and the same job, or what a template makes of these parameters at that time. */
export type ScheduledWork = { job: JobManifest } | { template: string; parameters: TemplateParameters };

/** A schedule as the server keeps it. Times are epoch milliseconds. */
export interface ScheduleRecord {
  scheduleId: string;
  businessId: string;
  /** Who made it: its jobs are theirs. */
  userId: string;
  name: string | undefined;
  cron: string;
  timeZone: string;
  overlap: OverlapPolicy;
  misfire: MisfirePolicy;
  misfireWindowSeconds: number;
  jitterSeconds: number;
  work: ScheduledWork;
  status: ScheduleStatus;
  /** Where it was not a person who paused it. */
  pauseReason: string | undefined;
  /** The first due time that nobody has decided on; undefined while PAUSED, and where the rule never comes again. */
  nextDueAtMs: number | undefined;
  /** The same with its jitter: when it is to fire. */
  nextFireAtMs: number | undefined;
  /** The last due time that was decided on. */
  lastDueAtMs: number | undefined;
  /** By the clock of when that next due time was found; absent of schedules from before it was kept. */
  plannedAtMs?: number;
  /** Due times until then were decided on under a clock that was ahead, and are decided on again when they come. */
  firedAheadUntilMs?: number;
  fireCount: number;
  createdAtMs: number;
}

/** A job that is ready to be submitted. */
export interface PreparedJob {
  manifest: JobManifest;
  templateId: string | undefined;
}

/** One fire of a schedule, and what became of it. */
export interface FireRecord {
  fireId: string;
  scheduleId: string;
  businessId: string;
  trigger: ScheduleFire["trigger"];
  dueAtMs: number;
  decidedAtMs: number;
  status: FireStatus;
  reason: SkipReason | undefined;
  message: string | undefined;
  jobId: string | undefined;
  /** Its due time was fired once before, under a clock that was ahead. */
  isAgain?: boolean;
  /** It was fired under a clock that was ahead, and its due time is not over. */
  isAhead?: boolean;
  /** Only while it is open and of a template: what that made when the fire was decided on. */
  job: PreparedJob | undefined;
}

/** Its job is still to be submitted. */
export function isOpen(fire: Pick<FireRecord, "status">): boolean {
  return fire.status === "PENDING" || fire.status === "WAITING";
}
