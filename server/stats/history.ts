import { isFinal } from "../../shared/job-state.ts";
import { startTimeMs } from "../../shared/start-time.ts";
import type { JobHistory } from "../job/job-news.ts";
import type { JobRecord } from "../job/job-record.ts";
import {
  addSample,
  type ExecutionSeries,
  mergeSeries,
  newSeries,
  type UsageSample,
} from "./execution-series.ts";
import type { StatsStore, SubjectTally } from "./stats-store.ts";
import { floorTo, STEPS } from "./steps.ts";
import { addTally, count, newTally, peak, type Tally, waitBin } from "./tally.ts";

/**
 * Whatever happens to jobs and nodes is in the store this long later, and what an execution uses at most three times as
 * long. A server that is killed loses no more than this.
 */
export const FLUSH_EVERY_MS = 10_000;
/** An execution that has run for long changes little: it is written with every n-th flush, at most this. */
const MAX_FLUSHES_BETWEEN = 3;
/** So many points of an execution are written together. */
const POINTS_BETWEEN = 5;
/** An execution without samples for so many flushes is over, or its node talks to another server. */
const FORGET_AFTER_FLUSHES = 12;
/** While the store takes nothing, no more than this is kept for it. */
const MAX_TALLIES = 50_000;
const MAX_EXECUTIONS = 20_000;

/** What the machine of a node does. */
export interface NodeLoad {
  nodeId: string;
  /** Cores that are busy; absent: its agent does not say. */
  cpu?: number | undefined;
  /** MiB in use. */
  memoryMb?: number | undefined;
  running: number;
}

/** An execution that samples are about. */
export type SampledExecution = Pick<ExecutionSeries, "executionId" | "jobId" | "businessId" | "startMs">;

interface Live {
  series: ExecutionSeries;
  /** What the store has is in `series`. */
  isLoaded: boolean;
  isChanged: boolean;
  /** The numbers of the flushes before which it changed, and with which it was written. */
  changedAt: number;
  writtenAt: number;
}

/**
 * Counts what happens on this server, in memory, and hands it to the store every few seconds. What happens to a job costs a
 * few additions; nothing waits for the store.
 */
export class History implements JobHistory {
  private tallies = new Map<string, SubjectTally>();
  private readonly executions = new Map<string, Live>();
  private flushing: Promise<void> | undefined;
  private flushes = 0;

  constructor(
    private readonly store: Pick<StatsStore, "add" | "putExecutions" | "findExecutions">,
    private readonly now: () => number,
  ) {}

  submitted(jobs: readonly JobRecord[]): void {
    for (const { businessId, gate } of jobs)
      if (gate !== "array") count(this.tallyOf(businessId), "submitted");
  }

  /** Each job as it is after a change. */
  changed(jobs: readonly JobRecord[]): void {
    for (const job of jobs) {
      const name = whatHappened(job);
      if (name === undefined) continue;
      const tally = this.tallyOf(job.businessId);
      count(tally, name);
      const waitMs = name === "started" ? queueWaitMs(job) : undefined;
      if (waitMs !== undefined) count(tally, waitBin(waitMs));
    }
  }

  load({ nodeId, cpu, memoryMb, running }: NodeLoad): void {
    const tally = this.tallyOf(nodeId);
    count(tally, "heard");
    count(tally, "running", running);
    if (cpu === undefined || memoryMb === undefined) return;
    count(tally, "sampled");
    for (const [name, value] of Object.entries({ cpu, memoryMb })) {
      count(tally, name, value);
      peak(tally, name, value);
    }
  }

  sampled(execution: SampledExecution, samples: readonly UsageSample[]): void {
    if (samples.length === 0) return;
    let live = this.executions.get(execution.executionId);
    if (!live) {
      if (this.executions.size >= MAX_EXECUTIONS) return;
      const { flushes } = this;
      live = {
        ...{ series: newSeries(execution), isLoaded: false, isChanged: false },
        ...{ changedAt: flushes, writtenAt: flushes },
      };
      this.executions.set(execution.executionId, live);
    }
    for (const sample of samples) addSample(live.series, sample);
    live.isChanged = true;
    live.changedAt = this.flushes;
  }

  /** Adds numbers to the current tally of something. */
  add(subject: string, tally: Tally): void {
    addTally(this.tallyOf(subject), tally);
  }

  /** Hands everything to the store. If the store refuses, it is kept for the next time. */
  flush(): Promise<void> {
    this.flushing ??= this.flushAll().finally(() => {
      this.flushing = undefined;
    });
    return this.flushing;
  }

  private async flushAll(): Promise<void> {
    const { tallies } = this;
    this.flushes++;
    this.tallies = new Map();
    try {
      if (tallies.size > 0) await this.store.add([...tallies.values()]);
    } catch (error) {
      for (const [key, one] of tallies) this.keep(key, one);
      throw error;
    }
    await this.flushExecutions();
  }

  private keep(key: string, one: SubjectTally): void {
    const newer = this.tallies.get(key);
    if (newer) addTally(newer, one);
    else if (this.tallies.size < MAX_TALLIES) this.tallies.set(key, one);
  }

  private async flushExecutions(): Promise<void> {
    const { flushes } = this;
    const due = [...this.executions.values()].filter(
      ({ isChanged, writtenAt, series }) => isChanged && flushes - writtenAt >= flushesBetween(series),
    );
    await this.readStored(due.filter(({ isLoaded }) => !isLoaded));
    for (const live of due) live.isChanged = false;
    try {
      if (due.length > 0) await this.store.putExecutions(due.map(({ series }) => series));
      for (const live of due) live.writtenAt = flushes;
    } catch (error) {
      for (const live of due) live.isChanged = true;
      throw error;
    }
    for (const [executionId, { changedAt, isChanged }] of this.executions) {
      if (!isChanged && flushes - changedAt > FORGET_AFTER_FLUSHES) this.executions.delete(executionId);
    }
  }

  /** Another server may have written about them, or this one before it was restarted. */
  private async readStored(fresh: readonly Live[]): Promise<void> {
    if (fresh.length === 0) return;
    const stored = await this.store.findExecutions(fresh.map(({ series }) => series.executionId));
    const byId = new Map(stored.map((series) => [series.executionId, series]));
    for (const live of fresh) {
      const before = byId.get(live.series.executionId);
      if (before) live.series = mergeSeries(live.series, before);
      live.isLoaded = true;
    }
  }

  private tallyOf(subject: string): Tally {
    const step = STEPS[0].seconds;
    const atSeconds = floorTo(step, this.now() / 1_000);
    const key = `${subject} ${atSeconds}`;
    let one = this.tallies.get(key);
    if (!one) {
      one = { subject, step, atSeconds, ...newTally() };
      this.tallies.set(key, one);
    }
    return one;
  }
}

function flushesBetween({ stepMs }: ExecutionSeries): number {
  return Math.min(MAX_FLUSHES_BETWEEN, Math.round((POINTS_BETWEEN * stepMs) / FLUSH_EVERY_MS));
}

function whatHappened({ gate, status, cancelRequestedAtMs }: JobRecord): string | undefined {
  if (gate === "array") return undefined;
  if (status === "SUCCESS") return "succeeded";
  if (status === "CANCELLED") return "cancelled";
  if (isFinal(status)) return "failed";
  // A running job changes once more only if somebody cancels it.
  return status === "RUNNING" && cancelRequestedAtMs === undefined ? "started" : undefined;
}

/** How long a job waited for a node. Of one that waited for something else as well, that is not known. */
function queueWaitMs({ attempt, manifest, createdAtMs, startedAtMs }: JobRecord): number | undefined {
  if (attempt !== 1 || startedAtMs === undefined || (manifest.after ?? []).length > 0) return undefined;
  const { notBefore } = manifest;
  const startMs = notBefore === undefined ? createdAtMs : startTimeMs(notBefore, createdAtMs);
  return Math.max(0, startedAtMs - Math.max(createdAtMs, startMs));
}
