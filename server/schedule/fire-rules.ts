import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import type { CronRule } from "./cron-rule.ts";
import { newFire, skip } from "./fire.ts";
import { admit } from "./overlap.ts";
import type { FireRecord, PreparedJob, ScheduleRecord } from "./schedule-record.ts";
import type { ScheduleDecision, ScheduleState } from "./schedule-store.ts";

/**
 * A fire that is later than this was missed: no server was running, or none kept up. It is longer than the interval of
 * the task, within which another server takes over from one that died.
 */
export const MISSED_AFTER_MS = 90_000;
/** Of many due times decided on together, only the latest are listed one by one; a single entry covers the earlier ones. */
export const MAX_LISTED_AT_ONCE = 100;

/** The job for fires that get one, or why there is none. `undefined` means the schedule's own job. */
export type Prepared = { job: PreparedJob | undefined } | { failure: string };

interface Due {
  dueAtMs: number;
  isMissed: boolean;
}

/**
 * Decides on every due time that has come, by the misfire policy and then by the overlap policy. Pure; changes nothing
 * if the time has not come or another server was faster.
 */
export function fireIfDue(
  state: ScheduleState | undefined,
  rule: CronRule,
  prepared: Prepared,
  nowMs: number,
): ScheduleDecision<void> {
  const schedule = state?.schedule;
  if (!state || schedule?.status !== "ACTIVE") return { result: undefined };
  const { nextDueAtMs, nextFireAtMs } = schedule;
  if (nextDueAtMs === undefined || nextFireAtMs === undefined || nextFireAtMs > nowMs) {
    return { result: undefined };
  }
  const { dues, isCut } = ready(schedule, rule, nextDueAtMs, nowMs);
  const lastDueAtMs = dues.at(-1)?.dueAtMs ?? nextDueAtMs;
  // Made first, because fires are listed in the order of their ids.
  const earlier = isCut ? [tooMany(schedule, nextDueAtMs, dues[0]?.dueAtMs ?? nextDueAtMs, nowMs)] : [];
  const decided = byMisfirePolicy(schedule, dues, nowMs).map((fire) => withJob(fire, prepared));
  const fires = admit(schedule.overlap, state, [...earlier, ...decided]);
  return {
    schedule: {
      ...schedule,
      ...plan(schedule, rule, lastDueAtMs),
      lastDueAtMs,
      plannedAtMs: nowMs,
      fireCount: schedule.fireCount + earlier.length + decided.length,
    },
    fires,
    result: undefined,
  };
}

/** The first due time after `afterMs`, and when it fires. Always after the last due time that was decided on. */
export function plan(
  schedule: Pick<ScheduleRecord, "scheduleId" | "jitterSeconds" | "lastDueAtMs">,
  rule: CronRule,
  afterMs: number,
): Pick<ScheduleRecord, "nextDueAtMs" | "nextFireAtMs"> {
  const nextDueAtMs = rule.nextAfter(Math.max(afterMs, schedule.lastDueAtMs ?? afterMs));
  if (nextDueAtMs === undefined) return { nextDueAtMs, nextFireAtMs: undefined };
  return { nextDueAtMs, nextFireAtMs: nextDueAtMs + jitterMs(schedule, nextDueAtMs) };
}

/**
 * Undoes what a clock that was ahead did to a schedule. If the schedule was planned or fired under that clock, it is
 * planned again from now on, and due times that have not come fire when they come. Pure; the result says whether it changed.
 */
export function setRight(
  state: ScheduleState | undefined,
  rule: CronRule,
  nowMs: number,
): ScheduleDecision<boolean> {
  if (state?.schedule.status !== "ACTIVE") return { result: false };
  const { nextDueAtMs, plannedAtMs, lastDueAtMs } = state.schedule;
  const { schedule, forgetDueAfterMs } = withoutMarksAhead(state.schedule, nowMs);
  const isRight = (plannedAtMs ?? 0) <= nowMs + CLOCK_SKEW_MS && schedule.lastDueAtMs === lastDueAtMs;
  if (isRight || (nextDueAtMs !== undefined && nextDueAtMs <= nowMs)) return { result: false };
  const planned = { ...plan(schedule, rule, nowMs), plannedAtMs: nowMs };
  return { schedule: { ...schedule, ...planned }, forgetDueAfterMs, result: true };
}

/**
 * The schedule without a last due time that was decided on under a clock that was ahead, and has not come. Otherwise the
 * schedule unchanged.
 */
export function withoutMarksAhead(
  schedule: ScheduleRecord,
  nowMs: number,
): { schedule: ScheduleRecord; forgetDueAfterMs: number | undefined } {
  const { lastDueAtMs, firedAheadUntilMs = 0 } = schedule;
  if (lastDueAtMs === undefined || lastDueAtMs <= nowMs + CLOCK_SKEW_MS) {
    return { schedule, forgetDueAfterMs: undefined };
  }
  const untilMs = Math.max(lastDueAtMs, firedAheadUntilMs);
  return {
    schedule: { ...schedule, lastDueAtMs: undefined, firedAheadUntilMs: untilMs },
    forgetDueAfterMs: nowMs,
  };
}

/** The delay of a due time. Every server computes the same. */
export function jitterMs(
  schedule: Pick<ScheduleRecord, "scheduleId" | "jitterSeconds">,
  dueAtMs: number,
): number {
  if (schedule.jitterSeconds === 0) return 0;
  const digest = new Bun.CryptoHasher("sha256").update(`${schedule.scheduleId}:${dueAtMs}`).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * schedule.jitterSeconds * 1_000);
}

/** The due times whose time to fire has come, oldest first. */
function ready(schedule: ScheduleRecord, rule: CronRule, firstDueAtMs: number, nowMs: number) {
  const { dueMs, isCut } = rule.dueBetween(firstDueAtMs, nowMs, MAX_LISTED_AT_ONCE);
  const dues: Due[] = [];
  for (const dueAtMs of dueMs) {
    const fireAtMs = dueAtMs + jitterMs(schedule, dueAtMs);
    // The first is always ready: it is what brought us here, or older than others that are.
    if (fireAtMs > nowMs && dues.length > 0) break;
    dues.push({ dueAtMs, isMissed: fireAtMs < nowMs - MISSED_AFTER_MS });
  }
  return { dues, isCut };
}

/** One fire for each due time: PENDING if it gets a job. */
function byMisfirePolicy(schedule: ScheduleRecord, dues: readonly Due[], nowMs: number): FireRecord[] {
  const windowMs = schedule.misfireWindowSeconds * 1_000;
  const withinWindow = dues.filter((due) => due.isMissed && nowMs - due.dueAtMs <= windowMs);
  const lastMissed = withinWindow.at(-1);
  return dues.map((due) => {
    const fire = newFire(schedule, "clock", due.dueAtMs, nowMs);
    if (!due.isMissed) return fire;
    const late = `No server was running at that time; it was noticed ${seconds(nowMs - due.dueAtMs)} later`;
    if (schedule.misfire === "skip") return skip(fire, "Missed", `${late}.`);
    if (nowMs - due.dueAtMs > windowMs) {
      return skip(fire, "MissedTooOld", `${late}, outside the misfire window of ${seconds(windowMs)}.`);
    }
    if (schedule.misfire === "all" || due === lastMissed) return fire;
    return skip(fire, "MissedMerged", `${late}. One job stands for all ${withinWindow.length} missed times.`);
  });
}

function withJob(fire: FireRecord, prepared: Prepared): FireRecord {
  if (fire.status !== "PENDING") return fire;
  if ("failure" in prepared) return { ...fire, status: "FAILED", message: prepared.failure };
  return { ...fire, job: prepared.job };
}

/** One line for all due times before the listed ones. */
function tooMany(
  schedule: ScheduleRecord,
  firstDueAtMs: number,
  listedFromMs: number,
  nowMs: number,
): FireRecord {
  const [from, to] = [firstDueAtMs, listedFromMs].map((ms) => new Date(ms).toISOString());
  const message = `Every time from ${from} until before ${to} was missed; only the latest ${MAX_LISTED_AT_ONCE} are considered.`;
  return skip(newFire(schedule, "clock", firstDueAtMs, nowMs), "MissedTooMany", message);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
