import { CLOCK_SKEW_MS } from "../tasks/clock.ts";
import type { CronRule } from "./cron-rule.ts";
import { newFire, skip } from "./fire.ts";
import { admit } from "./overlap.ts";
import type { FireRecord, PreparedJob, ScheduleRecord } from "./schedule-record.ts";
import type { ScheduleDecision, ScheduleState } from "./schedule-store.ts";

/**
 * What fires later than this after its time was missed: no server was there, or none that kept up. It is more than the
 * interval of the task, within which another server takes over from one that died.
 */
export const MISSED_AFTER_MS = 90_000;
/** Of due times that are decided on together, so many are listed one by one; earlier ones by one line. */
export const MAX_LISTED_AT_ONCE = 100;

/** What the fires that are to have a job get: that job, or why there is none. `undefined`: the schedule's own. */
export type Prepared = { job: PreparedJob | undefined } | { failure: string };

interface Due {
  dueAtMs: number;
  isMissed: boolean;
}

/**
 * Decides on every due time that has come, by the misfire policy and then by the overlap policy. Pure; changes nothing
 * where the time has not come or somebody else was faster.
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
  // Made first: fires are listed in the order of their ids.
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

/** The first due time behind `afterMs`, and when it fires. Never before the one that was decided on last. */
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
 * Nothing waits for the end of a time that was never meant: where the schedule was planned under a clock that was ahead,
 * or fired under it, it is planned anew, and due times that are to come fire when they come. Pure.
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

/** The schedule as it is where its last due time was decided on under a clock that was ahead, and has not come. */
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

/** By how much a due time is put off: every server comes to the same. */
export function jitterMs(
  schedule: Pick<ScheduleRecord, "scheduleId" | "jitterSeconds">,
  dueAtMs: number,
): number {
  if (schedule.jitterSeconds === 0) return 0;
  const digest = new Bun.CryptoHasher("sha256").update(`${schedule.scheduleId}:${dueAtMs}`).digest();
  return Math.floor((digest.readUInt32BE(0) / 2 ** 32) * schedule.jitterSeconds * 1_000);
}

/** The due times whose time to fire has come, in order. */
function ready(schedule: ScheduleRecord, rule: CronRule, firstDueAtMs: number, nowMs: number) {
  const { dueMs, isCut } = rule.dueBetween(firstDueAtMs, nowMs, MAX_LISTED_AT_ONCE);
  const dues: Due[] = [];
  for (const dueAtMs of dueMs) {
    const fireAtMs = dueAtMs + jitterMs(schedule, dueAtMs);
    // The first of them is what brought us here, or older than others that have come.
    if (fireAtMs > nowMs && dues.length > 0) break;
    dues.push({ dueAtMs, isMissed: fireAtMs < nowMs - MISSED_AFTER_MS });
  }
  return { dues, isCut };
}

/** One fire for each: PENDING where it is to have a job. */
function byMisfirePolicy(schedule: ScheduleRecord, dues: readonly Due[], nowMs: number): FireRecord[] {
  const windowMs = schedule.misfireWindowSeconds * 1_000;
  const withinWindow = dues.filter((due) => due.isMissed && nowMs - due.dueAtMs <= windowMs);
  const lastMissed = withinWindow.at(-1);
  return dues.map((due) => {
    const fire = newFire(schedule, "clock", due.dueAtMs, nowMs);
    if (!due.isMissed) return fire;
    const late = `No server was there at that time, and it was noticed ${seconds(nowMs - due.dueAtMs)} later`;
    if (schedule.misfire === "skip") return skip(fire, "Missed", `${late}.`);
    if (nowMs - due.dueAtMs > windowMs) {
      return skip(fire, "MissedTooOld", `${late}, outside of the misfire window of ${seconds(windowMs)}.`);
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

/** One line for all that came before those that are listed. */
function tooMany(
  schedule: ScheduleRecord,
  firstDueAtMs: number,
  listedFromMs: number,
  nowMs: number,
): FireRecord {
  const [from, to] = [firstDueAtMs, listedFromMs].map((ms) => new Date(ms).toISOString());
  const message = `Every time from ${from} until before ${to} was missed; only the latest ${MAX_LISTED_AT_ONCE} are looked at.`;
  return skip(newFire(schedule, "clock", firstDueAtMs, nowMs), "MissedTooMany", message);
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1_000)} s`;
}
