import { ComputeError } from "../../shared/errors.ts";
import { isFinal, type JobStatus } from "../../shared/job-state.ts";
import type { LogStream } from "../../shared/log.ts";
import { slicePacked, unpackLines } from "../../shared/packed-lines.ts";
import { pause } from "../../shared/wait.ts";
import type { StreamEvent } from "../http/handler.ts";
import type { RunWatch } from "../workflow/run-watch.ts";
import {
  endEvent,
  gapEvent,
  lineEvents,
  liveEvents,
  packedEvents,
  packedLineEvents,
  packedLiveEvents,
  removedEvent,
  statusEvent,
} from "./log-events.ts";
import type { LiveBatch, LogHub, LogSubscription } from "./log-hub.ts";
import type { RemovedLog } from "./log-store.ts";
import { cutPacked, LOG_START, type LogPlace, type LogStore } from "./log-store.ts";
import { findTail, type LogTail } from "./tail.ts";

/** What a follower of a log learns about its job. */
export interface JobSnapshot {
  status: JobStatus;
  attempt: number;
  /** Only of a job that is a workflow: its current or last execution. */
  workflowExecutionId?: string;
  exitCode?: number;
  signal?: string;
  reason?: string;
  message?: string;
}

export interface FollowParts {
  hub: LogHub;
  store: LogStore;
  loadJob(businessId: string, jobId: string): Promise<JobSnapshot | undefined>;
  /** The part of the log that the server no longer keeps. */
  removedLog(businessId: string, jobId: string): Promise<RemovedLog | undefined>;
  /** Follows the workflow of a job. */
  watchRun(jobId: string): RunWatch;
  /** Resolves at the job's next change, after the timeout, or when the signal aborts. Never rejects. */
  nextJobChange(jobId: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

export interface FollowQuery {
  businessId: string;
  jobId: string;
  /** Only lines after this place. Takes precedence over `tail`. */
  after: LogPlace | undefined;
  /** Only this many of the last stored lines, then what follows. */
  tail: number | undefined;
  /** If false, the stream ends after what is stored now. */
  follow: boolean;
  /** Every line, however slow the reader: live lines that it was too late for are read from the store. */
  whole: boolean;
  /** Many lines in each event. */
  packed: boolean;
  signal: AbortSignal;
}

/** The job is read again after this long, because a message of the bus may be lost. */
const RECHECK_MS = 5_000;
/** Live lines run ahead of the disk. How long to wait for a line that was published before this follower came. */
const HOLE_TIMEOUT_MS = 2_000;
/** The same for a follower that must have every line: a store that is slow or full may still get the line. */
const WHOLE_HOLE_TIMEOUT_MS = 60_000;
const FIRST_HOLE_WAIT_MS = 2;
const MAX_HOLE_WAIT_MS = 50;
/** About this many lines are handed on at a time. */
const LINES_PER_STEP = 1_000;

/**
 * A job's log from any place on, over all attempts: every line once and in order. Stored lines come first, then live lines
 * as they are published. Holes in the live lines are filled from the store. A reader that is too slow misses the oldest
 * live lines and gets a `gap` with their number. With `whole` it gets them from the store, and a `gap` only if the store
 * does not have them either. When the job is final, the stream ends with `end` after the last line; when the signal aborts,
 * it ends without. Throws `not_found` if the job does not exist.
 */
export async function* followLog(parts: FollowParts, query: FollowQuery): AsyncGenerator<StreamEvent[]> {
  const follower = new Follower(parts, query);
  try {
    if (query.follow) yield* follower.followToEnd();
    else yield* follower.replay();
  } finally {
    follower.close();
  }
}

class Follower {
  private cursor: LogPlace = LOG_START;
  private tail: LogTail | undefined;
  private readonly live: LogSubscription;
  private readonly closed = new AbortController();
  private readonly signal: AbortSignal;
  /** Every stored line after the cursor is also in the live lines to come. */
  private joined = false;
  private jobChanged = true;
  private wake: (() => void) | undefined;
  private shown: JobSnapshot | undefined;
  private run: RunWatch | undefined;

  constructor(
    private readonly parts: FollowParts,
    private readonly query: FollowQuery,
  ) {
    this.signal = AbortSignal.any([query.signal, this.closed.signal]);
    // Must come first: a line published from here on is in the live lines if it is not in the store.
    this.live = parts.hub.subscribe(query.jobId);
    // A reader that leaves while lines are ready never comes back to end the iteration.
    this.signal.addEventListener("abort", () => {
      this.live.close();
      this.wake?.();
    });
  }

  async *replay(): AsyncGenerator<StreamEvent[]> {
    const job = await this.loadJob();
    await this.goToStart();
    yield* this.showRemoved();
    yield* this.stored(await this.parts.store.lastPlace(this.query));
    yield* this.showRun(job);
    const { status } = job;
    // A stream that ends normally claims to be complete.
    if (this.signal.aborted) throw new ComputeError("unavailable", "The server is stopping.");
    if (isFinal(status)) yield [endEvent(this.query.jobId, { ...job, status })];
  }

  async *followToEnd(): AsyncGenerator<StreamEvent[]> {
    await this.goToStart();
    yield* this.showRemoved();
    if (yield* this.showJob()) return;
    while (!this.signal.aborted) {
      if (this.live.takeGap()) this.joined = false;
      if (!this.joined) yield* this.stored();
      const { missed, batches } = this.live.take(LINES_PER_STEP);
      if (batches.length > 0) yield* this.showLive(batches, missed);
      else this.joined = true;
      if (this.shown && this.hasRunNews) yield* this.showRun(this.shown);
      if (this.jobChanged) {
        if (yield* this.showJob()) return;
      } else if (batches.length === 0) {
        await this.news();
      }
    }
  }

  close(): void {
    this.closed.abort();
    this.live.close();
    this.run?.close();
  }

  private get hasRunNews(): boolean {
    return this.shown?.workflowExecutionId !== undefined && this.run?.hasNews === true;
  }

  /** What is new in the workflow of the job, if it is one. */
  private async *showRun(job: JobSnapshot): AsyncGenerator<StreamEvent[]> {
    if (job.workflowExecutionId === undefined) return;
    this.run ??= this.parts.watchRun(this.query.jobId);
    const told = await this.run.take(job.workflowExecutionId);
    if (told.length > 0) yield told.map((data) => ({ event: "workflow", data }));
  }

  private async goToStart(): Promise<void> {
    const { after, tail } = this.query;
    if (after) this.cursor = after;
    if (after || tail === undefined) return;
    this.tail = await findTail(this.parts.store, this.query, tail);
    this.cursor = this.tail.after;
  }

  /** Only for readers from the beginning: others have seen it or did not ask for it. */
  private async *showRemoved(): AsyncGenerator<StreamEvent[]> {
    const { businessId, jobId, after, tail } = this.query;
    if (after || tail !== undefined) return;
    const removed = await this.parts.removedLog(businessId, jobId);
    if (removed) yield [removedEvent(removed)];
  }

  /** Whether the line belongs to the requested tail. */
  private isWanted = ({
    attempt,
    seq,
    stream,
  }: {
    attempt: number;
    seq: number;
    stream: LogStream;
  }): boolean => {
    const { after, from } = this.tail ?? {};
    return attempt !== after?.attempt || seq >= (from?.get(stream) ?? 0);
  };

  private async loadJob(): Promise<JobSnapshot> {
    const { businessId, jobId } = this.query;
    const job = await this.parts.loadJob(businessId, jobId);
    if (!job) throw new ComputeError("not_found", `There is no job ${jobId} in this business.`);
    return job;
  }

  /**
   * Yields the status of the job if it is new. Returns whether the job is final. All lines of a final job are stored, and
   * they come first.
   */
  private async *showJob(): AsyncGenerator<StreamEvent[], boolean> {
    this.jobChanged = false;
    const change = this.parts.nextJobChange(this.query.jobId, RECHECK_MS, this.signal);
    void change.then(() => {
      this.jobChanged = true;
      this.wake?.();
    });
    const job = await this.loadJob();
    const { status, attempt } = job;
    // A message may have been lost.
    this.run?.lookAgain();
    if (isFinal(status)) {
      yield* this.stored();
      yield* this.showRun(job);
      if (!this.signal.aborted) yield [endEvent(this.query.jobId, { ...job, status })];
      return true;
    }
    const isNew = status !== this.shown?.status || attempt !== this.shown.attempt;
    this.shown = job;
    if (isNew) yield [statusEvent(this.query.jobId, status, attempt)];
    yield* this.showRun(job);
    return false;
  }

  /** The stored lines after the cursor, up to `until` or the last line. */
  private async *stored(until?: LogPlace): AsyncGenerator<StreamEvent[]> {
    const { businessId, jobId } = this.query;
    while (!this.signal.aborted) {
      const range = { businessId, jobId, after: this.cursor, until, limit: LINES_PER_STEP };
      if (this.query.packed && !this.tail) {
        const found = await this.parts.store.readPacked(range);
        const batches = found.flatMap((batch) => cutPacked(batch, range) ?? []);
        const end = batches.at(-1);
        if (!end) return;
        this.cursor = { attempt: end.attempt, seq: end.lastSeq };
        yield packedEvents(batches);
        continue;
      }
      const lines = await this.parts.store.read(range);
      const last = lines.at(-1);
      if (!last) return;
      this.cursor = { attempt: last.attempt, seq: last.seq };
      const wanted = this.tail ? lines.filter(this.isWanted) : lines;
      yield this.query.packed ? packedLineEvents(wanted) : lineEvents(wanted);
    }
  }

  private async *showLive(batches: LiveBatch[], missed: number): AsyncGenerator<StreamEvent[]> {
    let ready: StreamEvent[][] = [];
    // A reader that was still reading from the store was not too slow: the store has what it missed.
    let tooLate = this.joined && !this.query.whole ? missed : 0;
    this.joined = true;
    for (const batch of batches) {
      const { firstSeq: first, lastSeq } = batch;
      const last = { attempt: batch.attempt, seq: lastSeq };
      if (!isUpTo(last, this.cursor)) {
        if (!continues(this.cursor, batch.attempt, first)) {
          if (ready.length > 0) yield ready.flat();
          ready = [];
          yield* this.passHole({ attempt: batch.attempt, seq: first - 1 }, tooLate);
        }
        const known = batch.attempt === this.cursor.attempt ? this.cursor.seq - first + 1 : 0;
        ready.push(this.eventsOf(batch, Math.max(0, known)));
        this.cursor = last;
      }
      tooLate = 0;
    }
    if (ready.length > 0) yield ready[1] ? ready.flat() : (ready[0] ?? []);
  }

  /** The events of a live batch, without its first `known` lines. */
  private eventsOf(batch: LiveBatch, known: number): StreamEvent[] {
    if (!this.query.packed) {
      const events = known > 0 ? liveEvents(batch).slice(known) : liveEvents(batch);
      return this.tail ? events.filter((event) => this.isWanted(event.data)) : events;
    }
    const { executionId, attempt, firstSeq, lastSeq } = batch;
    if (!this.tail) {
      return known === 0
        ? packedLiveEvents(batch)
        : packedEvents([slicePacked(batch, firstSeq + known, lastSeq)]);
    }
    const lines = unpackLines(batch, firstSeq + known).map((line) => ({ ...line, executionId, attempt }));
    return packedLineEvents(lines.filter(this.isWanted));
  }

  /** Brings the cursor to `until`: with a gap if this reader was too late, otherwise with lines from the store. */
  private async *passHole(until: LogPlace, tooLate: number): AsyncGenerator<StreamEvent[]> {
    if (tooLate === 0) yield* this.fillHole(until);
    if (isUpTo(until, this.cursor)) return;
    const isSameAttempt = until.attempt === this.cursor.attempt;
    const left = isSameAttempt ? until.seq - this.cursor.seq : Math.max(until.seq, tooLate);
    this.cursor = until;
    if (left > 0) yield [gapEvent(left)];
  }

  private async *fillHole(until: LogPlace): AsyncGenerator<StreamEvent[]> {
    // An attempt starts only when the attempt before it is over and all its lines are stored.
    if (until.seq === 0) return yield* this.stored(until);
    // More live lines come meanwhile and may be dropped before this follower is back; the store has those too.
    this.joined = false;
    yield* this.stored(until);
    const deadline = performance.now() + (this.query.whole ? WHOLE_HOLE_TIMEOUT_MS : HOLE_TIMEOUT_MS);
    for (let waitMs = FIRST_HOLE_WAIT_MS; !isUpTo(until, this.cursor); waitMs *= 2) {
      if (this.signal.aborted || performance.now() > deadline) return;
      await pause(Math.min(waitMs, MAX_HOLE_WAIT_MS), this.signal);
      yield* this.stored(until);
    }
  }

  /** Resolves when there are live lines, when the job changed, or when the signal aborts. */
  private news(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = resolve;
      this.run?.whenNews(resolve);
      if (this.jobChanged || this.signal.aborted || this.hasRunNews) resolve();
      else this.live.whenNews(resolve);
    });
  }
}

/** Whether `place` is before `other`, or the same. */
function isUpTo(place: LogPlace, other: LogPlace): boolean {
  return place.attempt < other.attempt || (place.attempt === other.attempt && place.seq <= other.seq);
}

/** Whether lines from `seq` of `attempt` follow the cursor without a hole, as far as the cursor can tell. */
function continues(cursor: LogPlace, attempt: number, seq: number): boolean {
  return attempt === cursor.attempt && seq <= cursor.seq + 1;
}
