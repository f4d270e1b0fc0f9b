import { ComputeError, errorCodes } from "../../shared/errors.ts";
import { type JobManifest, jobManifest } from "../../shared/manifest.ts";
import type { KeyUse } from "../auth/key-limits.ts";
import type { Bus } from "../bus/bus.ts";
import type { JobService } from "../job/job-service.ts";
import { CLOCK_SKEW_MS, type KeepsTimes } from "../tasks/clock.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import { CronRule } from "./cron-rule.ts";
import { fireIfDue, type Prepared, setRight } from "./fire-rules.ts";
import { advance, type FireOutcome, settle } from "./overlap.ts";
import type { FireRecord, ScheduleRecord } from "./schedule-record.ts";
import type { ScheduleStore } from "./schedule-store.ts";
import { prepareJob, type RenderTemplate } from "./template-job.ts";

export interface SchedulerParts {
  schedules: ScheduleStore;
  jobs: Pick<JobService, "submit" | "cancel">;
  renderTemplate: RenderTemplate;
  /** The API key that made a schedule or a fire. Throws `forbidden` if it has ended. */
  keyUse: (apiKeyId: string) => Promise<KeyUse>;
  /** Whether this person may submit jobs in the business now. */
  mayRun(businessId: string, userId: string): Promise<boolean>;
  bus: Bus;
  now: () => number;
  onError: (what: string, error: unknown) => void;
}

const OWNER_GONE =
  "The person who made it may no longer run jobs in this business. Make the schedule again as somebody who may.";
const AT_ONCE = 16;
const PAGE_SIZE = 500;
/** After this, the scheduler looks again at what failed, or waits for a job whose end it may not have heard of. */
const LOOK_AGAIN_MS = 5_000;
/** A fire whose job the server cannot make or submit for this long is given up. */
const GIVE_UP_AFTER_MS = 60 * 60_000;
/** For one schedule, in a row; the scheduler looks again soon at what is left. */
const MAX_ROUNDS = 10;
const MAX_WATCHED_JOBS = 10_000;
/** How many fires of a schedule stay listed. They are pruned whenever PRUNE_EVERY more have come. */
const FIRES_KEPT = 1_000;
const PRUNE_EVERY = 50;

/**
 * Turns due times into jobs. It first takes a due time (compare-and-set in the store, so only one server can), then submits
 * its job under a key made of the schedule and the due time. If the server dies between the two, the next look finds the
 * fire open and submits it again under the same key. So each due time has one job.
 */
export class Scheduler implements KeepsTimes {
  /** Jobs that fires wait for, and their schedules. */
  private readonly watched = new Map<string, string>();
  /** Schedules whose job could not be made for the moment: the due time, and when that was first tried. */
  private readonly unprepared = new Map<string, { dueAtMs: number | undefined; sinceMs: number }>();
  private readonly unsubscribe: (() => void)[];

  constructor(private readonly parts: SchedulerParts) {
    this.unsubscribe = [
      parts.bus.subscribe("jobs", ({ businessId, jobIds }) => {
        for (const jobId of jobIds) this.jobChanged(businessId, jobId);
      }),
    ];
  }

  /** Fires what is due and advances what is open. Resolves with when something is due next. */
  async runOnce(nowMs: number): Promise<{ nextDueAtMs: number | undefined }> {
    const { schedules } = this.parts;
    const due = await schedules.due(nowMs, PAGE_SIZE);
    const fired = await this.each(due, (schedule) => this.fire(schedule, nowMs));
    const open = await this.advanceOpen();
    const nextFireAtMs = (await schedules.nextFireAt()) ?? Number.POSITIVE_INFINITY;
    const lookAgainMs = open.isWaiting || !open.isWell ? nowMs + LOOK_AGAIN_MS : Number.POSITIVE_INFINITY;
    const nextMs = Math.min(
      fired ? nextFireAtMs : Math.max(nextFireAtMs, nowMs + LOOK_AGAIN_MS),
      lookAgainMs,
    );
    return { nextDueAtMs: Number.isFinite(nextMs) ? nextMs : undefined };
  }

  /** Takes the due times of one schedule that have come, and submits their jobs. */
  async fire(schedule: ScheduleRecord, nowMs: number): Promise<void> {
    const { schedules } = this.parts;
    const { scheduleId } = schedule;
    let rule: CronRule;
    try {
      rule = CronRule.parse(schedule.cron, schedule.timeZone);
    } catch (error) {
      await this.pause(schedule, `Paused by the server. ${failureOf(error)}`);
      return;
    }
    const prepared = await this.prepareDue(schedule, nowMs);
    await schedules.change({ scheduleId }, (state) => fireIfDue(state, rule, prepared, nowMs));
    this.announce(schedule.businessId, scheduleId);
    await this.advance(scheduleId);
    const before = Math.floor(schedule.fireCount / PRUNE_EVERY);
    const after = (await schedules.find(schedule.businessId, scheduleId))?.fireCount ?? 0;
    if (Math.floor(after / PRUNE_EVERY) > before) await schedules.pruneFires(scheduleId, FIRES_KEPT);
  }

  /** Plans again what was planned or fired under a clock that was ahead. Resolves with the number of such schedules. */
  async bringBack(nowMs: number): Promise<number> {
    const { schedules } = this.parts;
    let changed = 0;
    let after: string | undefined;
    for (;;) {
      const found = await schedules.plannedAfter(nowMs + CLOCK_SKEW_MS, after, PAGE_SIZE);
      await this.each(found, async ({ scheduleId, cron, timeZone }) => {
        const rule = CronRule.parse(cron, timeZone);
        if (await schedules.change({ scheduleId }, (state) => setRight(state, rule, nowMs))) changed++;
      });
      after = found.at(-1)?.scheduleId;
      if (found.length < PAGE_SIZE) return changed;
    }
  }

  /**
   * Makes the job that a fire gets. An error that does not pass becomes the fire's message. Any other is thrown, and the
   * caller tries again.
   */
  async prepare(schedule: ScheduleRecord): Promise<Prepared> {
    if ("job" in schedule.work) return { job: undefined };
    try {
      return { job: await prepareJob(this.parts.renderTemplate, schedule.businessId, schedule.work) };
    } catch (error) {
      if (mayPass(error)) throw error;
      return { failure: failureOf(error) };
    }
  }

  /** Does the next steps for the open fires of a schedule. Resolves with whether a fire still waits. */
  async advance(scheduleId: string): Promise<boolean> {
    let isWatching = false;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      const { businessId, submit, cancel, waitFor } = await this.parts.schedules.change(
        { scheduleId },
        advance,
      );
      for (const fire of submit) await this.submit(fire);
      if (businessId !== undefined) for (const jobId of cancel) await this.cancel(businessId, jobId);
      // Look once more after a submit, and after watching a job: it may have ended in between.
      if (submit.length === 0 && (isWatching || waitFor.length === 0)) return waitFor.length > 0;
      for (const jobId of waitFor) this.watch(jobId, scheduleId);
      isWatching = waitFor.length > 0;
    }
    return true;
  }

  close(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
  }

  /** As `prepare`, but fails a fire whose job could not be made for GIVE_UP_AFTER_MS. */
  private async prepareDue(schedule: ScheduleRecord, nowMs: number): Promise<Prepared> {
    const { scheduleId, nextDueAtMs: dueAtMs } = schedule;
    try {
      const prepared = await this.prepare(schedule);
      this.unprepared.delete(scheduleId);
      return prepared;
    } catch (error) {
      const earlier = this.unprepared.get(scheduleId);
      // Another server may have fired an earlier due time, so each due time has an hour of its own.
      const sinceMs = earlier?.dueAtMs === dueAtMs ? (earlier?.sinceMs ?? nowMs) : nowMs;
      this.unprepared.set(scheduleId, { dueAtMs, sinceMs });
      if (nowMs - sinceMs < GIVE_UP_AFTER_MS) throw error;
      this.unprepared.delete(scheduleId);
      return { failure: failureOf(error) };
    }
  }

  private async advanceOpen(): Promise<{ isWell: boolean; isWaiting: boolean }> {
    let [isWell, isWaiting] = [true, false];
    let after: string | undefined;
    for (;;) {
      const ids = await this.parts.schedules.withOpenFires(after, PAGE_SIZE);
      const done = await this.each(ids, async (scheduleId) => {
        if (await this.advance(scheduleId)) isWaiting = true;
      });
      isWell &&= done;
      after = ids.at(-1);
      if (ids.length < PAGE_SIZE) return { isWell, isWaiting };
    }
  }

  private async submit(fire: FireRecord): Promise<void> {
    const { schedules, now } = this.parts;
    const outcome = await this.tryToSubmit(fire).catch((error): FireOutcome => {
      if (mayPass(error) && !isRefusedNow(fire, error) && now() - fire.decidedAtMs < GIVE_UP_AFTER_MS)
        throw error;
      return { failure: failureOf(error) };
    });
    await schedules.change({ scheduleId: fire.scheduleId }, (state) => settle(state, fire.fireId, outcome));
    this.announce(fire.businessId, fire.scheduleId);
  }

  private announce(businessId: string, scheduleId: string): void {
    this.parts.bus.publish("activity", { businessId, subject: "schedules", ids: [scheduleId] });
  }

  private async tryToSubmit(fire: FireRecord): Promise<FireOutcome> {
    const { schedules, jobs, keyUse } = this.parts;
    const { scheduleId, businessId } = fire;
    const schedule = await schedules.find(businessId, scheduleId);
    if (!schedule) return { failure: "The schedule was deleted." };
    if (!(await this.parts.mayRun(businessId, schedule.userId))) {
      await this.pause(schedule, `Paused by the server. ${OWNER_GONE}`);
      return { failure: OWNER_GONE };
    }
    const work = fire.job ?? ("job" in schedule.work ? { manifest: schedule.work.job } : undefined);
    if (!work) return { failure: "The job made from its template was lost." };
    const manifest = manifestOf({ ...work.manifest, name: work.manifest.name ?? schedule.name });
    const templateId = "templateId" in work ? work.templateId : undefined;
    const { userId } = schedule;
    const apiKeyId = fire.apiKeyId ?? schedule.apiKeyId;
    const apiKey = apiKeyId === undefined ? undefined : await keyUse(apiKeyId);
    const by = { businessId, userId, apiKey };
    const job = await jobs.submit(by, manifest, keyOf(fire), { templateId, scheduleId });
    return { jobId: job.jobId };
  }

  private async cancel(businessId: string, jobId: string): Promise<void> {
    try {
      await this.parts.jobs.cancel(businessId, jobId);
    } catch (error) {
      const isOver =
        error instanceof ComputeError && (error.code === "conflict" || error.code === "not_found");
      if (!isOver) throw error;
    }
  }

  private watch(jobId: string, scheduleId: string): void {
    // The message for the job watched longest may have been lost; the regular look finds its end anyway.
    const [oldest] = this.watched.size < MAX_WATCHED_JOBS ? [] : this.watched.keys();
    if (oldest !== undefined) this.watched.delete(oldest);
    this.watched.set(jobId, scheduleId);
  }

  private jobChanged(businessId: string, jobId: string): void {
    const scheduleId = this.watched.get(jobId);
    if (scheduleId === undefined) return;
    this.watched.delete(jobId);
    this.advance(scheduleId)
      .then(() => this.announce(businessId, scheduleId))
      .catch((error) => this.parts.onError(`schedule ${scheduleId}`, error));
  }

  private async pause(
    { businessId, scheduleId }: Pick<ScheduleRecord, "businessId" | "scheduleId">,
    pauseReason: string,
  ): Promise<void> {
    await this.parts.schedules.change({ scheduleId }, (state) => ({
      schedule: state && {
        ...state.schedule,
        status: "PAUSED",
        pauseReason,
        nextDueAtMs: undefined,
        nextFireAtMs: undefined,
      },
      result: undefined,
    }));
    this.announce(businessId, scheduleId);
  }

  /** Acts on up to AT_ONCE items concurrently. Reports failures and resolves with whether there were none. */
  private async each<Item>(items: readonly Item[], act: (item: Item) => Promise<void>): Promise<boolean> {
    let isWell = true;
    const rest = items.values();
    const worker = async () => {
      for (const item of rest) {
        await act(item).catch((error) => {
          isWell = false;
          this.parts.onError("compute-schedules", error);
        });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return isWell;
  }
}

/** `compute-schedules`: fires what is due, on time to the millisecond if this server knows of it. */
export function scheduleTask(scheduler: Scheduler): PeriodicTask {
  return {
    name: "compute-schedules",
    intervalMs: 60_000,
    // If several servers fire at the same time, one wins the due time. The server that created the schedule is on time.
    runsOn: "each",
    runOnce: (nowMs) => scheduler.runOnce(nowMs),
  };
}

/** The idempotency key of the fire's job. */
function keyOf(fire: FireRecord): string {
  const isOfItsTime = fire.trigger === "clock" && !fire.isAgain;
  return `schedule:${fire.scheduleId}:${isOfItsTime ? fire.dueAtMs : fire.fireId}`;
}

/** Fills in fields that an older version did not store. Throws `invalid_request` if the manifest is refused today. */
function manifestOf(stored: JobManifest): JobManifest {
  const { data, error } = jobManifest.safeParse(stored);
  if (data) return data;
  throw new ComputeError("invalid_request", "A job that an older version accepted is no longer valid.", {
    errors: error.issues.map(({ path, message }) => ({ path: ["job", ...path].join("."), message })),
  });
}

/** A fire that somebody asked for now does not wait until the limits of their API key allow it. */
function isRefusedNow({ trigger }: FireRecord, error: unknown): boolean {
  return trigger === "manual" && error instanceof ComputeError && error.code === "rate_limited";
}

/** Whether the same attempt may succeed later, because the store or the server failed. */
function mayPass(error: unknown): boolean {
  return !(error instanceof ComputeError) || errorCodes[error.code].retryable;
}

function failureOf(error: unknown): string {
  if (!(error instanceof ComputeError)) return `The job could not be submitted: ${String(error)}`;
  const fields = (error.errors ?? []).map(({ path, message }) => ` ${path}: ${message}.`).join("");
  return error.message + fields;
}
