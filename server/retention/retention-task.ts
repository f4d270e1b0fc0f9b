import type { Logger } from "../../shared/logger.ts";
import type { PeriodicTask } from "../tasks/periodic.ts";
import { deleteEnded } from "./delete-ended.ts";
import type { RetentionStore } from "./retention-store.ts";
import type { RetentionSettings } from "./settings.ts";

/** How many jobs one run looks at; the next run continues. */
const JOBS_PER_RUN = 500;
/** How many logs to remove at a time if the store holds too much. Few, because they may be large and need not all go. */
const LOGS_PER_STEP = 20;
const CONTINUE_AFTER_MS = 1_000;

/** Nothing is judged old until the clock has run evenly for this long: what a newly set clock calls old may not be. */
const SETTLE_MS = 3_600_000;
const JUMP_MS = 60_000;

export interface RetentionParts {
  retention: RetentionStore;
  settings: RetentionSettings;
  log: Logger;
  /** Whether the clock of this machine has run evenly for long enough to judge ages by it. */
  isClockSettled(nowMs: number): boolean;
}

/**
 * Returns a function that says whether a clock has run evenly for an hour. A machine that starts with a wrong time, or is
 * set to one, must not take everything for old. `monotonicMs` never jumps.
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

/** `compute-retention`: deletes what has been kept long enough, and finishes earlier deletions. */
export function retentionTask(parts: RetentionParts): PeriodicTask {
  const rounds = new RetentionRounds(parts);
  return {
    name: "compute-retention",
    intervalMs: 5 * 60_000,
    runsOn: "one",
    async runOnce(nowMs) {
      const hasMore = await rounds.run(nowMs);
      return { nextDueAtMs: hasMore ? nowMs + CONTINUE_AFTER_MS : undefined };
    },
  };
}

/** Goes through ended jobs, oldest first, some in each run. */
class RetentionRounds {
  /** How far the last run came; undefined to begin with the oldest. */
  private afterJobId: string | undefined;
  private afterLogOf: string | undefined;
  private hasWarned = false;

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
    const query = { endedBeforeMs, afterJobId: this.afterJobId, limit: JOBS_PER_RUN };
    const found = await retention.endedJobs(query);
    await deleteEnded(retention, found, nowMs);
    this.afterJobId = found.length < JOBS_PER_RUN ? undefined : found.at(-1)?.jobId;
    return this.afterJobId !== undefined;
  }

  private async expireLogs(endedBeforeMs: number, nowMs: number): Promise<boolean> {
    const { retention } = this.parts;
    const query = { endedBeforeMs, afterJobId: this.afterLogOf, limit: JOBS_PER_RUN };
    const found = await retention.endedLogs(query);
    await retention.removeLogs(found, nowMs);
    this.afterLogOf = found.length < JOBS_PER_RUN ? undefined : found.at(-1)?.jobId;
    return this.afterLogOf !== undefined;
  }

  /** Removes the oldest logs if the store holds too much. Resolves with whether to continue. */
  private async keepSize(nowMs: number): Promise<boolean> {
    const { retention, settings, log } = this.parts;
    const { maxStoreBytes } = settings;
    if (maxStoreBytes === undefined || (await retention.usedBytes()) <= maxStoreBytes) {
      this.hasWarned = false;
      return false;
    }
    const query = { endedBeforeMs: nowMs, afterJobId: undefined, limit: LOGS_PER_STEP };
    const found = await retention.endedLogs(query);
    await retention.removeLogs(found, nowMs);
    if (found.length > 0) return true;
    if (!this.hasWarned) {
      this.hasWarned = true;
      const detail = "No finished job has a log left to remove: delete jobs, or raise --max-store-mb.";
      log.warn(`The store holds more than --max-store-mb allows. ${detail}`);
    }
    return false;
  }
}
