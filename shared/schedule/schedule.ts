import { z } from "zod";
import { timestamp } from "../execution.ts";
import { fireId, jobId, scheduleId } from "../ids.ts";
import { recordOf } from "../labels.ts";
import { jobManifest } from "../manifest.ts";
import { parameterValue } from "../template/parameter.ts";

/** What happens to a fire while an earlier one of its schedule waits or a job of it is not over. */
export const overlapPolicy = z.enum(["allow", "forbid", "queue", "replace"]);
export type OverlapPolicy = z.infer<typeof overlapPolicy>;

/** What happens to fires that no server was there for. */
export const misfirePolicy = z.enum(["skip", "once", "all"]);
export type MisfirePolicy = z.infer<typeof misfirePolicy>;

export const scheduleStatus = z.enum(["ACTIVE", "PAUSED"]);
export type ScheduleStatus = z.infer<typeof scheduleStatus>;

/** Five fields, or six with the seconds first; or a nickname as `@daily`. The server knows what they may hold. */
export const cronRule = z.string().trim().min(1).max(200);
/** An IANA name. */
export const timeZone = z.string().min(1).max(100);

/** Values of a template's parameters, by name. */
export const templateParameters = recordOf(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_-]{0,127}$/, {
    error: "a parameter's name is letters, digits and _ - and does not begin with a digit",
  }),
  parameterValue,
);
export type TemplateParameters = z.infer<typeof templateParameters>;

const rule = {
  cron: cronRule,
  timeZone: timeZone.default("UTC"),
  overlap: overlapPolicy.default("allow"),
  misfire: misfirePolicy.default("once"),
  /** Missed fires older than this are skipped whatever `misfire` says. */
  misfireWindowSeconds: z.number().min(0).max(31_536_000).default(86_400),
  /** Each fire comes up to this much later than its due time; by how much depends on that time alone. */
  jitterSeconds: z.number().min(0).max(86_400).default(0),
};

const name = z.string().min(1).max(200).optional();

/** The body of `schedules/create`: a rule, and either a job or a template with its parameters. */
export const newSchedule = z
  .strictObject({
    name,
    ...rule,
    job: jobManifest.optional(),
    /** The name or id of a template. It is filled in anew for every fire. */
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
  /** The rule in words, as "at 02:30 every day". */
  words: z.string(),
  job: jobManifest.optional(),
  template: z.string().optional(),
  parameters: templateParameters.optional(),
  status: scheduleStatus,
  /** Where it was not a person who paused it. */
  pauseReason: z.string().optional(),
  /** Absent while it is paused, and where the rule never comes again. */
  nextFireAt: timestamp.optional(),
  /** Fires so far, those that were skipped among them. */
  fireCount: z.int().min(0),
  createdAt: timestamp,
});
export type Schedule = z.infer<typeof schedule>;

/**
 * PENDING: its job is about to be submitted. WAITING: for an earlier job of the schedule to be over. SUBMITTED: here is
 * its job. SKIPPED: there is none, and `reason` says why. FAILED: there is none, since it could not be made or was refused.
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
  /** `clock`: the rule; `manual`: somebody asked for it. */
  trigger: z.enum(["clock", "manual"]),
  /** The time the rule names, before any jitter. */
  dueAt: timestamp,
  /** When it was decided what becomes of it. */
  decidedAt: timestamp,
  status: fireStatus,
  reason: skipReason.optional(),
  message: z.string().optional(),
  jobId: jobId.optional(),
});
export type ScheduleFire = z.infer<typeof scheduleFire>;

/** A fire that is to come. */
export const upcomingFire = z.object({
  dueAt: timestamp,
  /** With the jitter. */
  fireAt: timestamp,
  /** As a clock on the wall of that zone shows it: "Sunday 31 March 2024 at 03:00:00 GMT+2". */
  localTime: z.string(),
});
export type UpcomingFire = z.infer<typeof upcomingFire>;
