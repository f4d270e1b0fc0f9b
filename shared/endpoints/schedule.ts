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
import { trashOutput } from "../trash.ts";
import { defineEndpoints } from "./endpoint.ts";
import { pageInput, pageOutput } from "./page.ts";

const count = z.int().min(1).max(limits.maxUpcomingFires).default(5);
/** Warnings about a rule, such as that it fires very often. */
const warnings = z.array(z.string());

export const scheduleEndpoints = defineEndpoints({
  "schedules.create": {
    method: "POST",
    path: "/api/compute/schedules/create",
    callers: ["user"],
    right: "schedules.write",
    summary: "Create a schedule: a cron rule that submits a job from a manifest or a template.",
    input: newSchedule,
    output: schedule.extend({ warnings }),
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "schedules.retrieve": {
    method: "POST",
    path: "/api/compute/schedules/retrieve",
    callers: ["user"],
    right: "schedules.read",
    summary: "One schedule.",
    input: z.strictObject({ scheduleId }),
    output: schedule,
    errors: ["not_found"],
    repeatable: true,
  },
  "schedules.list": {
    method: "POST",
    path: "/api/compute/schedules/list",
    callers: ["user"],
    right: "schedules.read",
    summary: "Schedules, newest first.",
    input: z.strictObject({ ...pageInput, status: z.array(scheduleStatus).min(1).optional() }),
    output: z.object({ schedules: z.array(schedule), ...pageOutput }),
    errors: [],
    repeatable: true,
  },
  "schedules.pause": {
    method: "POST",
    path: "/api/compute/schedules/pause",
    callers: ["user"],
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary:
      "Stop firing until the schedule is resumed. Submitted jobs keep running; a waiting fire is skipped.",
    input: z.strictObject({ scheduleId }),
    output: schedule,
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
  "schedules.resume": {
    method: "POST",
    path: "/api/compute/schedules/resume",
    callers: ["user"],
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary: "Fire again from now on. Fires missed during the pause are not made up.",
    input: z.strictObject({ scheduleId }),
    output: schedule,
    errors: ["not_found", "storage_failed"],
    repeatable: true,
  },
  "schedules.run": {
    method: "POST",
    path: "/api/compute/schedules/run",
    callers: ["user"],
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary:
      "Fire now, even while paused. The overlap policy applies: if it forbids the fire, the call is refused.",
    input: z.strictObject({ scheduleId }),
    output: scheduleFire,
    errors: ["not_found", "conflict", "storage_failed"],
    repeatable: false,
  },
  "schedules.delete": {
    method: "POST",
    path: "/api/compute/schedules/delete",
    callers: ["user"],
    right: "schedules.write",
    othersRight: "schedules.change-others",
    summary: "Delete a schedule and its list of fires. Submitted jobs keep running.",
    input: z.strictObject({ scheduleId }),
    output: z.object({ scheduleId, ...trashOutput }),
    errors: ["not_found", "storage_failed"],
    repeatable: false,
  },
  "schedules.fires": {
    method: "POST",
    path: "/api/compute/schedules/fires",
    callers: ["user"],
    right: "schedules.read",
    summary: "The fires of a schedule so far, including skipped fires, newest first.",
    input: z.strictObject({ ...pageInput, scheduleId }),
    output: z.object({ fires: z.array(scheduleFire), ...pageOutput }),
    errors: ["not_found"],
    repeatable: true,
  },
  "schedules.upcoming": {
    method: "POST",
    path: "/api/compute/schedules/upcoming",
    callers: ["user"],
    right: "schedules.read",
    summary: "The next fires of a schedule; none while it is paused.",
    input: z.strictObject({ scheduleId, count }),
    output: z.object({ fires: z.array(upcomingFire) }),
    errors: ["not_found"],
    repeatable: true,
  },
  "schedules.preview": {
    method: "POST",
    path: "/api/compute/schedules/preview",
    callers: ["user"],
    right: "schedules.read",
    summary: "What a cron rule means in words, and when it would fire next.",
    input: z.strictObject({ cron: cronRule, timeZone: timeZone.default("UTC"), count }),
    output: z.object({ words: z.string(), warnings, fires: z.array(upcomingFire) }),
    errors: [],
    repeatable: true,
  },
});
