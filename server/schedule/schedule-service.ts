import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import type { NewSchedule } from "../../shared/schedule/schedule.ts";
import type { JobService } from "../job/job-service.ts";
import { checkTypes, type Maker } from "../job/key-limits.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import { CronRule, neverComes, refusal } from "./cron-rule.ts";
import { newFire, skip } from "./fire.ts";
import { jitterMs, type Prepared, plan, withoutMarksAhead } from "./fire-rules.ts";
import { admit } from "./overlap.ts";
import type { FireRecord, ScheduledWork, ScheduleRecord } from "./schedule-record.ts";
import type {
  FireListQuery,
  ScheduleDecision,
  ScheduleListQuery,
  ScheduleState,
  ScheduleStore,
} from "./schedule-store.ts";
import type { Scheduler } from "./scheduler.ts";
import { prepareJob, type RenderTemplate } from "./template-job.ts";

export interface ScheduleServiceParts {
  schedules: ScheduleStore;
  scheduler: Scheduler;
  /** Throws unless everything exists that the job names. */
  checkJob: JobService["check"];
  /** Throws unless the key of the caller may make the job now. */
  checkMaker: JobService["checkMaker"];
  renderTemplate: RenderTemplate;
  now: () => number;
  /** Something is due at that time; the task must run no later. Epoch milliseconds. */
  onDue: (atMs: number) => void;
}

/** Jitter must not be longer than the shortest time between this many fires to come. */
const GAPS_LOOKED_AT = 20;

/** What users do with schedules. Every method is scoped to the business of the caller. */
export class ScheduleService {
  constructor(private readonly parts: ScheduleServiceParts) {}

  async create(by: Maker, input: NewSchedule): Promise<ScheduleRecord> {
    const { schedules, checkJob, now, onDue, renderTemplate } = this.parts;
    const nowMs = now();
    const rule = CronRule.parse(input.cron, input.timeZone);
    checkJitter(rule, input.jitterSeconds, nowMs);
    const work = workOf(input);
    // What is missing is an error now, not at the first fire in the night.
    const { manifest } =
      "job" in work ? { manifest: work.job } : await prepareJob(renderTemplate, by.businessId, work);
    checkTypes(by, [manifest]);
    await checkJob(by, manifest, "job.");
    const base = { scheduleId: newId("sch"), jitterSeconds: input.jitterSeconds, lastDueAtMs: undefined };
    const planned = plan(base, rule, nowMs);
    if (planned.nextFireAtMs === undefined) throw neverComes();
    const schedule: ScheduleRecord = {
      ...base,
      ...planned,
      businessId: by.businessId,
      userId: by.userId,
      ...(by.apiKey && { apiKeyId: by.apiKey.apiKeyId }),
      name: input.name,
      cron: input.cron,
      timeZone: input.timeZone,
      overlap: input.overlap,
      misfire: input.misfire,
      misfireWindowSeconds: input.misfireWindowSeconds,
      work,
      status: "ACTIVE",
      pauseReason: undefined,
      fireCount: 0,
      createdAtMs: nowMs,
      plannedAtMs: nowMs,
    };
    await schedules.insert(schedule);
    onDue(planned.nextFireAtMs);
    return schedule;
  }

  async retrieve(businessId: string, scheduleId: string): Promise<ScheduleRecord> {
    return (await this.parts.schedules.find(businessId, scheduleId)) ?? notFound(scheduleId);
  }

  list(query: ScheduleListQuery): Promise<ScheduleRecord[]> {
    return this.parts.schedules.list(query);
  }

  /** Stops firing, and skips a fire that waits. Pausing twice changes nothing. */
  async pause(businessId: string, scheduleId: string): Promise<ScheduleRecord> {
    const paused = await this.parts.schedules.change({ businessId, scheduleId }, pauseDecision);
    return paused ?? notFound(scheduleId);
  }

  /** Fires that fell into the pause are not made up for. */
  async resume(businessId: string, scheduleId: string): Promise<ScheduleRecord> {
    const found = await this.retrieve(businessId, scheduleId);
    const rule = CronRule.parse(found.cron, found.timeZone);
    const nowMs = this.parts.now();
    const resumed = await this.parts.schedules.change({ businessId, scheduleId }, (state) =>
      resumeDecision(state, rule, nowMs),
    );
    if (!resumed) return notFound(scheduleId);
    if (resumed.nextFireAtMs !== undefined) this.parts.onDue(resumed.nextFireAtMs);
    return resumed;
  }

  /** Fires now, even while paused, if the overlap policy allows it. Throws ComputeError `conflict` if it does not. */
  async run(by: Maker, scheduleId: string): Promise<FireRecord> {
    const { businessId } = by;
    const { schedules, scheduler, now, checkMaker } = this.parts;
    const schedule = await this.retrieve(businessId, scheduleId);
    const prepared = await scheduler.prepare(schedule);
    if ("failure" in prepared) throw new ComputeError("conflict", prepared.failure);
    const manifest = prepared.job?.manifest ?? ("job" in schedule.work ? schedule.work.job : undefined);
    if (manifest) await checkMaker(by, manifest);
    const nowMs = now();
    const fire = await schedules.change({ businessId, scheduleId }, (state) =>
      runDecision(state, prepared, by.apiKey?.apiKeyId, nowMs),
    );
    if (!fire) return notFound(scheduleId);
    if (fire.status === "SKIPPED") {
      const todo = "Wait until it is over, or cancel it.";
      throw new ComputeError("conflict", `Schedule ${scheduleId} did not fire. ${fire.message} ${todo}`);
    }
    await scheduler.advance(scheduleId);
    const [newest] = await schedules.fires({
      businessId,
      scheduleId,
      beforeFireId: `${fire.fireId}~`,
      limit: 1,
    });
    return newest?.fireId === fire.fireId ? newest : fire;
  }

  /** In the trash it is paused, so it does not fire there, nor as soon as it is back. */
  async delete(businessId: string, scheduleId: string, into?: IntoTrash): Promise<void> {
    if (into) await this.pause(businessId, scheduleId);
    if (!(await this.parts.schedules.delete(businessId, scheduleId, into))) notFound(scheduleId);
  }

  async fires(query: FireListQuery): Promise<FireRecord[]> {
    await this.retrieve(query.businessId, query.scheduleId);
    return this.parts.schedules.fires(query);
  }

  /** The next due times, and when they fire. */
  /** The next fires: at most `count`, due after `afterMs` and up to `untilMs` if these are given. */
  async upcoming(
    businessId: string,
    scheduleId: string,
    { count, afterMs, untilMs }: { count: number; afterMs?: number; untilMs?: number },
  ) {
    const schedule = await this.retrieve(businessId, scheduleId);
    const first = schedule.nextDueAtMs;
    if (first === undefined) return { schedule, fires: [] };
    const rule = CronRule.parse(schedule.cron, schedule.timeZone);
    const dues = rule.soon(count, Math.max(first - 1, afterMs ?? 0), untilMs);
    const fires = dues.map((dueAtMs) => ({ dueAtMs, fireAtMs: dueAtMs + jitterMs(schedule, dueAtMs) }));
    return { schedule, fires };
  }
}

function pauseDecision(state: ScheduleState | undefined): ScheduleDecision<ScheduleRecord | undefined> {
  if (!state || state.schedule.status === "PAUSED") return { result: state?.schedule };
  const schedule: ScheduleRecord = {
    ...state.schedule,
    status: "PAUSED",
    pauseReason: undefined,
    nextDueAtMs: undefined,
    nextFireAtMs: undefined,
  };
  const fires = state.openFires
    .filter((fire) => fire.status === "WAITING")
    .map((fire) => skip(fire, "Paused", "The schedule was paused before this fire could start."));
  return { schedule, fires, result: schedule };
}

function resumeDecision(
  state: ScheduleState | undefined,
  rule: CronRule,
  nowMs: number,
): ScheduleDecision<ScheduleRecord | undefined> {
  if (!state || state.schedule.status === "ACTIVE") return { result: state?.schedule };
  const { schedule: paused, forgetDueAfterMs } = withoutMarksAhead(state.schedule, nowMs);
  const schedule: ScheduleRecord = {
    ...paused,
    ...plan(paused, rule, nowMs),
    plannedAtMs: nowMs,
    status: "ACTIVE",
    pauseReason: undefined,
  };
  return { schedule, forgetDueAfterMs, result: schedule };
}

/** A fire that the overlap policy would skip is returned as skipped, and not recorded. */
function runDecision(
  state: ScheduleState | undefined,
  prepared: Exclude<Prepared, { failure: string }>,
  apiKeyId: string | undefined,
  nowMs: number,
): ScheduleDecision<FireRecord | undefined> {
  if (!state) return { result: undefined };
  const { schedule } = state;
  const madeWith = apiKeyId === undefined ? {} : { apiKeyId };
  const asked = { ...newFire(schedule, "manual", nowMs, nowMs), job: prepared.job, ...madeWith };
  const fires = admit(schedule.overlap, state, [asked]);
  const fire = fires.find((one) => one.fireId === asked.fireId) ?? asked;
  if (fire.status === "SKIPPED") return { result: fire };
  return { schedule: { ...schedule, fireCount: schedule.fireCount + 1 }, fires, result: fire };
}

function workOf(input: NewSchedule): ScheduledWork {
  if (input.job) return { job: input.job };
  return { template: input.template ?? "", parameters: input.parameters ?? {} };
}

function checkJitter(rule: CronRule, jitterSeconds: number, nowMs: number): void {
  if (jitterSeconds === 0) return;
  const dues = rule.next(GAPS_LOOKED_AT, nowMs);
  const gapsMs = dues.slice(1).map((due, i) => due - (dues[i] ?? due));
  const shortestMs = Math.min(...gapsMs);
  if (jitterSeconds * 1_000 <= shortestMs) return;
  throw refusal(
    "jitterSeconds",
    `must be at most ${shortestMs / 1_000} s, the shortest time between two fires, to keep them in order`,
  );
}

function notFound(scheduleId: string): never {
  throw new ComputeError("not_found", `There is no schedule ${scheduleId} in this business.`);
}
