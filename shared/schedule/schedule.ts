import { z } from "zod";
import { fireId, jobId, scheduleId } from "../ids.ts";
import { jobStatus } from "../job-status.ts";
import { recordOf } from "../labels.ts";
import { jobManifest } from "../manifest.ts";
import { parameterValue } from "../template/parameter.ts";
import { timestamp } from "../timestamp.ts";

/** What happens to a fire while an earlier fire of its schedule waits or a job of an earlier fire is not over. */
export const overlapPolicy = z.enum(["allow", "forbid", "queue", "replace"]);
export type OverlapPolicy = z.infer<typeof overlapPolicy>;

/** What happens to fires that came due while no server ran. */
export const misfirePolicy = z.enum(["skip", "once", "all"]);
export type MisfirePolicy = z.infer<typeof misfirePolicy>;

export const scheduleStatus = z.enum(["ACTIVE", "PAUSED"]);
export type ScheduleStatus = z.infer<typeof scheduleStatus>;

/** Five fields, six with the seconds first, or a nickname such as `@daily`. The server checks the fields. */
export const cronRule = z.string().trim().min(1).max(200);
/** An IANA name such as `Europe/Berlin`. */
export const timeZone = z.string().min(1).max(100);

/** Values of a template's parameters, by name. */
export const templateParameters = recordOf(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/, {
    error: "a parameter's name may contain letters, digits, _ and -, and must not begin with a digit",
  }),
  parameterValue,
);
export type TemplateParameters = z.infer<typeof templateParameters>;

const rule = {
  cron: cronRule,
  timeZone: timeZone.default("UTC"),
  overlap: overlapPolicy.default("allow"),
  misfire: misfirePolicy.default("once"),
  /** Missed fires older than this are always skipped. */
  misfireWindowSeconds: z.number().min(0).max(31_536_000).default(86_400),
  /** Delays each fire by up to this much; the delay depends only on the due time. */
  jitterSeconds: z.number().min(0).max(86_400).default(0),
};

const name = z.string().min(1).max(200).optional();

/** The body of `schedules/create`: a rule, and either a job or a template with its parameters. */
export const newSchedule = z
  .strictObject({
    name,
    ...rule,
    job: jobManifest.optional(),
    /** The name or id of a template. It is filled in again for every fire. */
    template: z.string().min(1).max(200).optional(),
    parameters: templateParameters.optional(),
  })
  .refine((input) => (input.job === undefined) !== (input.template === undefined), {
    error: "give either a job or a template",
    path: ["job"],
  })
  .refine((input) => input.parameters === undefined || input.template !== undefined, {
    error: "only a template has parameters",
    path: ["parameters"],
  });
export type NewSchedule = z.output<typeof newSchedule>;

export const schedule = z.object({
  scheduleId,
  businessId: z.string(),
  userId: z.string(),
  name,
  ...rule,
  /** The rule in words, such as "at 02:30 every day". */
  words: z.string(),
  job: jobManifest.optional(),
  template: z.string().optional(),
  parameters: templateParameters.optional(),
  status: scheduleStatus,
  /** Why the schedule was paused, unless a person paused it. */
  pauseReason: z.string().optional(),
  /** Absent while the schedule is paused, and if the rule never fires again. */
  nextFireAt: timestamp.optional(),
  /** Fires so far, including skipped fires. */
  fireCount: z.int().min(0),
  createdAt: timestamp,
});
export type Schedule = z.infer<typeof schedule>;

/**
 * PENDING: its job is about to be submitted. WAITING: it waits for an earlier job of the schedule. SUBMITTED: `jobId` is
 * its job. SKIPPED: it has no job, and `reason` says why. FAILED: its job could not be made or was refused.
 */
export const fireStatus = z.enum(["PENDING", "WAITING", "SUBMITTED", "SKIPPED", "FAILED"]);
export type FireStatus = z.infer<typeof fireStatus>;

/** Why a fire was skipped. */
export const skipReason = z.enum([
  "Overlap",
  "QueueFull",
  "Replaced",
  "Paused",
  "Missed",
  "MissedMerged",
  "MissedTooOld",
  "MissedTooMany",
]);
export type SkipReason = z.infer<typeof skipReason>;

export const scheduleFire = z.object({
  fireId,
  scheduleId,
  /** `clock`: the rule fired; `manual`: a person asked for it. */
  trigger: z.enum(["clock", "manual"]),
  /** The time the rule gives, before any jitter. */
  dueAt: timestamp,
  /** When the server decided about this fire. */
  decidedAt: timestamp,
  status: fireStatus,
  reason: skipReason.optional(),
  message: z.string().optional(),
  jobId: jobId.optional(),
  /** Only in lists: the status of its job, if that still exists. */
  jobStatus: jobStatus.optional(),
});
export type ScheduleFire = z.infer<typeof scheduleFire>;

/** A future fire. */
export const upcomingFire = z.object({
  dueAt: timestamp,
  /** Including the jitter. */
  fireAt: timestamp,
  /** Local time in that zone: "Sunday 31 March 2024 at 03:00:00 GMT+2". */
  localTime: z.string(),
});
export type UpcomingFire = z.infer<typeof upcomingFire>;
