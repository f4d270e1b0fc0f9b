import { fireId, scheduleId } from "../../shared/ids.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import type { Ownership } from "../http/ownership.ts";
import { readPage } from "../http/page.ts";
import type { JobStore } from "../job/job-store.ts";
import type { TrashBin } from "../trash/bin.ts";
import { CronRule, neverComes } from "./cron-rule.ts";
import type { FireRecord, ScheduleRecord } from "./schedule-record.ts";
import type { ScheduleService } from "./schedule-service.ts";
import { fireView, scheduleView, upcomingViews } from "./schedule-view.ts";

export interface ScheduleHandlerParts {
  ownership: Ownership;
  bin: TrashBin;
  jobs: Pick<JobStore, "find">;
  /** Epoch milliseconds. */
  now: () => number;
}

type ScheduleHandlers = Pick<Handlers, Extract<keyof Handlers, `schedules.${string}`>>;

export function scheduleHandlers(
  schedules: ScheduleService,
  { ownership, bin, jobs, now }: ScheduleHandlerParts,
): ScheduleHandlers {
  const requireOwn = (context: RequestContext, scheduleId: string) =>
    ownership.require(userOf(context), "schedules.change-others", async () => {
      const { name, userId: ownerId } = await schedules.retrieve(businessOf(context), scheduleId);
      return { what: `Schedule ${name === undefined ? scheduleId : `${name} (${scheduleId})`}`, ownerId };
    });
  /** Changes the schedule's status, and notes it. */
  const change = async (
    context: RequestContext,
    scheduleId: string,
    by: (businessId: string, scheduleId: string) => Promise<ScheduleRecord>,
  ) => {
    const before = await schedules.retrieve(businessOf(context), scheduleId);
    const after = await by(businessOf(context), scheduleId);
    context.note({ before: { status: before.status }, after: { status: after.status } });
    return after;
  };
  const { viewFires, lastFire } = fireViews(schedules, jobs);
  return {
    "schedules.create": async (input, context) => {
      const record = await schedules.create(userOf(context), input);
      const { warnings } = CronRule.parse(record.cron, record.timeZone);
      return { ...scheduleView(record), warnings };
    },
    "schedules.retrieve": async ({ scheduleId }, context) =>
      scheduleView(await schedules.retrieve(businessOf(context), scheduleId)),
    "schedules.list": async ({ status, lastFires, ...page }, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        scheduleId,
        (beforeScheduleId, limit) => schedules.list({ businessId, status, beforeScheduleId, limit }),
        (one) => one.scheduleId,
      );
      const views = rows.map(async (row) =>
        lastFires ? { ...scheduleView(row), lastFire: await lastFire(row) } : scheduleView(row),
      );
      return { schedules: await Promise.all(views), nextCursor };
    },
    "schedules.pause": async ({ scheduleId }, context) => {
      await requireOwn(context, scheduleId);
      return scheduleView(await change(context, scheduleId, schedules.pause.bind(schedules)));
    },
    "schedules.resume": async ({ scheduleId }, context) => {
      await requireOwn(context, scheduleId);
      return scheduleView(await change(context, scheduleId, schedules.resume.bind(schedules)));
    },
    "schedules.run": async ({ scheduleId }, context) => {
      await requireOwn(context, scheduleId);
      return fireView(await schedules.run(userOf(context), scheduleId));
    },
    "schedules.delete": async ({ scheduleId }, context) => {
      await requireOwn(context, scheduleId);
      const into = bin.entryFor(userOf(context));
      await schedules.delete(businessOf(context), scheduleId, into);
      return { scheduleId, trashId: into?.trashId };
    },
    "schedules.fires": async ({ scheduleId, ...page }, context) => {
      const businessId = businessOf(context);
      const { rows, nextCursor } = await readPage(
        page,
        fireId,
        (beforeFireId, limit) => schedules.fires({ businessId, scheduleId, beforeFireId, limit }),
        (one) => one.fireId,
      );
      return { fires: await viewFires(businessId, rows), nextCursor };
    },
    "schedules.upcoming": async ({ scheduleId, count, after, until }, context) => {
      const which = { count, afterMs: msOf(after), untilMs: msOf(until) };
      const { schedule, fires } = await schedules.upcoming(businessOf(context), scheduleId, which);
      return { fires: upcomingViews(fires, schedule.timeZone) };
    },
    "schedules.preview": ({ cron, timeZone, count }) => {
      const rule = CronRule.parse(cron, timeZone);
      const dues = rule.soon(count, now());
      if (dues.length === 0) throw neverComes();
      const fires = dues.map((dueAtMs) => ({ dueAtMs, fireAtMs: dueAtMs }));
      return { words: rule.words, warnings: rule.warnings, fires: upcomingViews(fires, timeZone) };
    },
  };
}

function fireViews(schedules: ScheduleService, jobs: ScheduleHandlerParts["jobs"]) {
  /** Fires with the status of their jobs. */
  const viewFires = (businessId: string, fires: readonly FireRecord[]) =>
    Promise.all(
      fires.map(async (fire) => {
        const job = fire.jobId === undefined ? undefined : await jobs.find(businessId, fire.jobId);
        return { ...fireView(fire), jobStatus: job?.status };
      }),
    );
  const lastFire = async ({ businessId, scheduleId }: ScheduleRecord) => {
    const fires = await schedules.fires({ businessId, scheduleId, beforeFireId: undefined, limit: 1 });
    return (await viewFires(businessId, fires))[0];
  };
  return { viewFires, lastFire };
}

function msOf(time: string | undefined): number | undefined {
  return time === undefined ? undefined : Date.parse(time);
}
