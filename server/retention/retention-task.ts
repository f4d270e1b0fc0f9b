import type { Logger } from "../../shared/logger.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import { deleteEnded } from "./delete-ended.ts";
import type { RetentionStore } from "./retention-store.ts";
import type { RetentionSettings } from "./settings.ts";

/** The most jobs of one run; the next one goes on. */
const JOBS_PER_RUN = 500;
/** Logs that go at once where the store holds too much: few, since they may be large and not all need to go. */
const LOGS_PER_STEP = 20;
const GO_ON_AFTER_MS = 1_000;

/** What is old by a clock that was set only now may not be old at all. */
const SETTLE_MS = 3_600_000;
const JUMP_MS = 60_000;

export interface RetentionParts {
  retention: RetentionStore;
  settings: RetentionSettings;
  log: Logger;
  /** Whether the clock of this machine has run evenly for long enough to judge an age by it. */
  isClockSettled(nowMs: number): boolean;
}

/**
 * Says whether a clock has run evenly for an hour: a machine that starts with a wrong time, or is set to one, must not
 * take everything for old. `monotonicMs` never jumps.
 */
export function settledClock(monotonicMs: () => number = () => performance.now()) {
  let sinceMs = monotonicMs();
  let offsetMs: number | undefined;
  return (nowMs: number): boolean => {
    const atMs = monotonicMs();
    if (offsetMs === undefined) offsetMs = nowMs - atMs;
    if (Math.abs(nowMs - atMs - offsetMs) > JUMP_MS) {
      offsetMs = nowMs - atMs;
      sinceMs = atMs;
    }
    return atMs - sinceMs >= SETTLE_MS;
  };
}

/** `compute-retention`: what has been kept for long enough goes, and what was deleted is removed to its end. */
export function retentionTask(parts: RetentionParts): PeriodicTask {
  const rounds = new RetentionRounds(parts);
  return {
    name: "compute-retention",
    intervalMs: 5 * 60_000,
    runsOn: "one",
    async runOnce(nowMs) {
      const hasMore = await rounds.run(nowMs);
      return { nextDueAtMs: hasMore ? nowMs + GO_ON_AFTER_MS : undefined };
    },
  };
}

/** Goes through ended jobs from the oldest on, some in each run. */
class RetentionRounds {
  /** How far the last run came; undefined: begin with the oldest. */
  private behindJobId: string | undefined;
  private behindLogOf: string | undefined;
  private toldTooLarge = false;

  constructor(private readonly parts: RetentionParts) {}

  /** Resolves with whether there is more to do now. */
  async run(nowMs: number): Promise<boolean> {
    const { keepJobsMs, keepLogsMs } = this.parts.settings;
    let hasMore = false;
    if (this.parts.isClockSettled(nowMs)) {
      if (keepJobsMs !== undefined) hasMore = await this.expireJobs(nowMs - keepJobsMs, nowMs);
      if (keepLogsMs !== undefined) hasMore = (await this.expireLogs(nowMs - keepLogsMs, nowMs)) || hasMore;
    }
    hasMore = (await this.keepSize(nowMs)) || hasMore;
    return (await this.parts.retention.finishRemovals()) || hasMore;
  }

  private async expireJobs(endedBeforeMs: number, nowMs: number): Promise<boolean> {
    const { retention } = this.parts;
    const query = { endedBeforeMs, behindJobId: this.behindJobId, limit: JOBS_PER_RUN };
    const found = await retention.endedJobs(query);
    await deleteEnded(retention, found, nowMs);
    this.behindJobId = found.length < JOBS_PER_RUN ? undefined : found.at(-1)?.jobId;
    return this.behindJobId !== undefined;
  }

  private async expireLogs(endedBeforeMs: number, nowMs: number): Promise<boolean> {
    const { retention } = this.parts;
    const query = { endedBeforeMs, behindJobId: this.behindLogOf, limit: JOBS_PER_RUN };
    const found = await retention.endedLogs(query);
    await retention.removeLogs(found, nowMs);
    this.behindLogOf = found.length < JOBS_PER_RUN ? undefined : found.at(-1)?.jobId;
    return this.behindLogOf !== undefined;
  }

  /** Where the store holds too much, the oldest logs go. */
  private async keepSize(nowMs: number): Promise<boolean> {
    const { retention, settings, log } = this.parts;
    const { maxStoreBytes } = settings;
    if (maxStoreBytes === undefined || (await retention.usedBytes()) <= maxStoreBytes) {
      this.toldTooLarge = false;
      return false;
    }
    const query = { endedBeforeMs: nowMs, behindJobId: undefined, limit: LOGS_PER_STEP };
    const found = await retention.endedLogs(query);
    await retention.removeLogs(found, nowMs);
    if (found.length > 0) return true;
    if (!this.toldTooLarge) {
      this.toldTooLarge = true;
      const detail = "No finished job has a log left to remove: delete jobs, or raise --max-store-mb.";
      log.warn(`The store holds more than --max-store-mb allows. ${detail}`);
    }
    return false;
  }
}
