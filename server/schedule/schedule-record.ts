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

/** What a schedule submits: always the same job, or what a template makes of these parameters at the time of the fire. */
export type ScheduledWork = { job: JobManifest } | { template: string; parameters: TemplateParameters };

/** A schedule as the server stores it. Times are epoch milliseconds. */
export interface ScheduleRecord {
  scheduleId: string;
  businessId: string;
  /** Who created it. Its jobs belong to this user. */
  userId: string;
  /** The API key that made it, and whose limits its jobs count for. */
  apiKeyId?: string;
  name: string | undefined;
  cron: string;
  timeZone: string;
  overlap: OverlapPolicy;
  misfire: MisfirePolicy;
  misfireWindowSeconds: number;
  jitterSeconds: number;
  work: ScheduledWork;
  status: ScheduleStatus;
  /** Why the server paused it; undefined if a person did. */
  pauseReason: string | undefined;
  /** The first due time that is not decided on; undefined while PAUSED, and if the rule never fires again. */
  nextDueAtMs: number | undefined;
  /** When it fires: `nextDueAtMs` plus its jitter. */
  nextFireAtMs: number | undefined;
  /** The last due time that was decided on. */
  lastDueAtMs: number | undefined;
  /** What the clock showed when the next due time was found; absent for schedules stored before this field existed. */
  plannedAtMs?: number;
  /** Due times up to this were decided on under a clock that was ahead, and are decided on again when they come. */
  firedAheadUntilMs?: number;
  fireCount: number;
  createdAtMs: number;
}

/** A job that is ready to be submitted. */
export interface PreparedJob {
  manifest: JobManifest;
  templateId: string | undefined;
}

/** One fire of a schedule, and its outcome. */
export interface FireRecord {
  fireId: string;
  scheduleId: string;
  businessId: string;
  trigger: ScheduleFire["trigger"];
  /** The API key with which somebody had it fire now. */
  apiKeyId?: string;
  dueAtMs: number;
  decidedAtMs: number;
  status: FireStatus;
  reason: SkipReason | undefined;
  message: string | undefined;
  jobId: string | undefined;
  /** Its due time had already fired once, under a clock that was ahead. */
  isAgain?: boolean;
  /** It fired under a clock that was ahead, before its due time came. */
  isAhead?: boolean;
  /** Only while the fire is open, for schedules of a template: the job the template made when the fire was decided on. */
  job: PreparedJob | undefined;
}

/** Whether its job has yet to be submitted. */
export function isOpen(fire: Pick<FireRecord, "status">): boolean {
  return fire.status === "PENDING" || fire.status === "WAITING";
}
