import { z } from "zod";
import { scheduleId } from "../ids.ts";
import { limits } from "../limits.ts";
import {
  cronRule,
  newSchedule,
  schedule,
  scheduleFire,
  scheduleStatus,
  timeZone,
  upcomingFire,
} from "../schedule/schedule.ts";
import { timestamp } from "../timestamp.ts";
import { trashOutput } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";
import { scheduleWire } from "./wire/schedule.ts";

const count = z.int().min(1).max(limits.maxUpcomingFires).default(5);
/** Warnings about a rule, such as that it fires very often. */
const warnings = z.array(z.string());

export const scheduleEndpoints = defineEndpoints(scheduleWire, {
  "schedules.create": {
    right: "schedules.write",
    summary: "Create a schedule: a cron rule that submits a job from a manifest or a template.",
    input: newSchedule,
    output: schedule.extend({ warnings }),
  },
  "schedules.retrieve": {
    right: "schedules.read",
    summary: "One schedule.",
    input: z.strictObject({ scheduleId }),
    output: schedule,
  },
  "schedules.list": {
    right: "schedules.read",
    summary: "Schedules, newest first.",
    input: z.strictObject({
      ...pageInput,
      status: z.array(scheduleStatus).min(1).optional(),
      /** Also the last fire of each. */
      lastFires: z.boolean().default(false),
    }),
    output: z.object({
      schedules: z.array(schedule.extend({ lastFire: scheduleFire.optional() })),
      ...pageOutput,
    }),
  },
  "schedules.pause": {
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary:
      "Stop firing until the schedule is resumed. Submitted jobs keep running; a waiting fire is skipped.",
    input: z.strictObject({ scheduleId }),
    output: schedule,
  },
  "schedules.resume": {
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary: "Fire again from now on. Fires missed during the pause are not made up.",
    input: z.strictObject({ scheduleId }),
    output: schedule,
  },
  "schedules.run": {
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary:
      "Fire now, even while paused. The overlap policy applies: if it forbids the fire, the call is refused.",
    input: z.strictObject({ scheduleId }),
    output: scheduleFire,
  },
  "schedules.delete": {
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary: "Delete a schedule and its list of fires. Submitted jobs keep running.",
    input: z.strictObject({ scheduleId }),
    output: z.object({ scheduleId, ...trashOutput }),
  },
  "schedules.fires": {
    right: "schedules.read",
    summary: "The fires of a schedule so far, including skipped fires, newest first.",
    input: z.strictObject({ ...pageInput, scheduleId }),
    output: z.object({ fires: z.array(scheduleFire), ...pageOutput }),
  },
  "schedules.upcoming": {
    right: "schedules.read",
    summary: "The next fires of a schedule, at most five years ahead of the first; none while it is paused.",
    input: z.strictObject({
      scheduleId,
      count,
      /** Only fires that are due later than this. */
      after: timestamp.optional(),
      /** Only fires that are due at this time or earlier. */
      until: timestamp.optional(),
    }),
    output: z.object({ fires: z.array(upcomingFire) }),
  },
  "schedules.preview": {
    right: "schedules.read",
    summary: "What a cron rule means in words, and when it would fire next.",
    input: z.strictObject({ cron: cronRule, timeZone: timeZone.default("UTC"), count }),
    output: z.object({ words: z.string(), warnings, fires: z.array(upcomingFire) }),
  },
});
