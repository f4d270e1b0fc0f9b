import { limits } from "../../shared/limits.ts";
import { countOf } from "../../shared/packed-lines.ts";
import type { Bus, BusMessages } from "../bus/bus.ts";

/** Lines of one execution as published: without holes, in the order of their seq. */
export interface LiveBatch extends Readonly<BusMessages["logs"]> {
  /** How many lines of the job the hub had seen before this batch. */
  readonly index: number;
  /** Roughly how much memory it takes. */
  readonly bytes: number;
}

/** Lines kept for each followed job. A follower that falls further behind loses the oldest. */
export const FOLLOWED_LINES = 10_000;
/** Memory for the lines of all jobs together. */
const MAX_BYTES = 256 * 1024 * 1024;
/** Memory for the lines of one job. */
const MAX_JOB_BYTES = 32 * 1024 * 1024;
const MAX_JOBS = 10_000;
const JOBS_PER_CLEARING = 8;
/** A job without followers is forgotten when it has had no lines for this long; by then they are on disk. */
const IDLE_MS = 30_000;
/** For followers who take line by line, each line becomes an object. */
const LINE_OVERHEAD_BYTES = 100;

/**
 * The live path of log lines: hands what is published on the bus to every follower immediately, in memory.
 *
 * The lines of a job are kept once for all its followers, and each follower only keeps its place in them. So a follower
 * that does not read costs nothing and never holds up the others: the oldest lines are dropped, and it learns how many it
 * missed. The last lines of each job are kept even while nobody follows it, for late followers.
 */
export class LogHub {
  /** Least recently published first. */
  private readonly channels = new Map<string, Channel>();
  private readonly unsubscribe: () => void;
  private readonly sweepTimer: ReturnType<typeof setInterval>;
  private bytes = 0;

  constructor(private readonly bus: Bus) {
    this.unsubscribe = bus.subscribe("logs", (message) => this.take(message));
    this.sweepTimer = setInterval(() => this.forgetIdle(performance.now() - IDLE_MS), IDLE_MS);
    this.sweepTimer.unref();
  }

  /** Begins with the last lines of the job that the hub still has. The caller must close it. */
  subscribe(jobId: string): LogSubscription {
    let channel = this.channels.get(jobId);
    if (!channel) {
      channel = new Channel();
      this.channels.set(jobId, channel);
    }
    const followed = channel;
    // Lines from other servers are sent here only while somebody reads them.
    followed.unfollow ??= this.bus.followLogs(jobId, () => followed.mayHaveMissed());
    return new LogSubscription(followed, () => this.forgetUnused(jobId));
  }

  /** How much the hub holds, for metrics. */
  get size(): { jobs: number; bytes: number } {
    return { jobs: this.channels.size, bytes: this.bytes };
  }

  close(): void {
    clearInterval(this.sweepTimer);
    this.unsubscribe();
    for (const channel of this.channels.values()) channel.unfollow?.();
    this.channels.clear();
    this.bytes = 0;
  }

  private take(message: BusMessages["logs"]): void {
    const channel = this.channels.get(message.jobId) ?? new Channel();
    this.channels.delete(message.jobId);
    this.channels.set(message.jobId, channel);
    this.bytes += channel.push(message);
    if (this.bytes > MAX_BYTES || this.channels.size > MAX_JOBS) this.makeRoom(message.jobId);
    channel.wakeAll();
  }

  /** Looks only at the few jobs that had no lines for the longest time, which bounds the cost of a publish. */
  private makeRoom(newestJobId: string): void {
    for (const [jobId, channel] of [...this.channels.entries().take(JOBS_PER_CLEARING)]) {
      const isRoom = this.bytes <= MAX_BYTES && this.channels.size <= MAX_JOBS;
      if (isRoom || jobId === newestJobId) return;
      this.channels.delete(jobId);
      if (this.bytes > MAX_BYTES || channel.followers.size === 0) this.bytes -= channel.clear();
      if (channel.followers.size > 0) this.channels.set(jobId, channel);
    }
  }

  private forgetIdle(publishedBeforeMs: number): void {
    for (const [jobId, channel] of this.channels) {
      if (channel.publishedAtMs > publishedBeforeMs) return;
      if (channel.followers.size > 0) continue;
      this.bytes -= channel.clear();
      this.channels.delete(jobId);
    }
  }

  private forgetUnused(jobId: string): void {
    const channel = this.channels.get(jobId);
    if (channel?.followers.size !== 0) return;
    channel.unfollow?.();
    channel.unfollow = undefined;
    this.bytes -= channel.trim();
    if (channel.lineCount === 0) this.channels.delete(jobId);
  }
}

/** One follower's place in the lines of a job. */
export class LogSubscription {
  private nextIndex: number;
  private wake: (() => void) | undefined;
  private gap = false;

  constructor(
    private readonly channel: Channel,
    private readonly onClose: () => void,
  ) {
    channel.followers.add(this);
    this.nextIndex = channel.tailIndex(limits.logTailLines);
  }

  /**
   * The next batches, at least one if there are any, and about `maxLines` lines; `missed` counts the lines before them
   * that were dropped since the last call because this follower came too late.
   */
  take(maxLines: number): { missed: number; batches: LiveBatch[] } {
    const missed = Math.max(0, this.channel.firstIndex - this.nextIndex);
    const batches = this.channel.from(this.nextIndex + missed, maxLines);
    const last = batches.at(-1);
    if (last) this.nextIndex = last.index + countOf(last);
    // If everything was dropped and nothing came since, the missed lines are reported with the next batch.
    return { missed: last ? missed : 0, batches };
  }

  /** Whether lines may have been lost on the way to this server since the last call. The store has them. */
  takeGap(): boolean {
    const { gap } = this;
    this.gap = false;
    return gap;
  }

  mayHaveMissed(): void {
    this.gap = true;
    this.channel.waiting.delete(this);
    this.notify();
  }

  /** Calls `wake` once, when there are lines to take or the store may have some; immediately if that is already so. */
  whenNews(wake: () => void): void {
    if (this.gap || (this.nextIndex < this.channel.endIndex && this.channel.lineCount > 0)) wake();
    else {
      this.wake = wake;
      this.channel.waiting.add(this);
    }
  }

  notify(): void {
    this.wake?.();
    this.wake = undefined;
  }

  /** Safe to call twice. */
  close(): void {
    this.channel.waiting.delete(this);
    this.channel.followers.delete(this);
    this.onClose();
  }
}

/** The last lines of one job. */
class Channel {
  readonly followers = new Set<LogSubscription>();
  /** Followers that have read everything and wait for more. */
  readonly waiting = new Set<LogSubscription>();
  /** Stops the lines of this job from other servers. Set while somebody follows it. */
  unfollow: (() => void) | undefined;
  /** One more than the index of the last line ever published. */
  endIndex = 0;
  publishedAtMs = performance.now();
  private readonly batches: LiveBatch[] = [];
  private bytes = 0;

  get lineCount(): number {
    return this.endIndex - this.firstIndex;
  }

  get firstIndex(): number {
    return this.batches[0]?.index ?? this.endIndex;
  }

  /** Returns how many bytes the channel grew. */
  push(message: BusMessages["logs"]): number {
    const count = countOf(message);
    const bytes = count * LINE_OVERHEAD_BYTES + message.lines.length;
    this.batches.push({ ...message, index: this.endIndex, bytes });
    this.endIndex += count;
    this.bytes += bytes;
    this.publishedAtMs = performance.now();
    return bytes - this.trim();
  }

  /** Drops the oldest batches that are no longer needed; returns how many bytes that freed. */
  trim(): number {
    const wanted = this.followers.size > 0 ? FOLLOWED_LINES : limits.logTailLines;
    const before = this.bytes;
    while (this.batches.length > 1) {
      const oldest = this.batches[0];
      if (!oldest) break;
      const isSpare = this.lineCount - countOf(oldest) >= wanted;
      if (!isSpare && this.bytes <= MAX_JOB_BYTES) break;
      this.batches.shift();
      this.bytes -= oldest.bytes;
    }
    return before - this.bytes;
  }

  /** Drops everything; returns how many bytes that freed. */
  clear(): number {
    const freed = this.bytes;
    this.batches.length = 0;
    this.bytes = 0;
    return freed;
  }

  mayHaveMissed(): void {
    for (const follower of this.followers) follower.mayHaveMissed();
  }

  wakeAll(): void {
    if (this.waiting.size === 0) return;
    const woken = [...this.waiting];
    this.waiting.clear();
    for (const follower of woken) follower.notify();
  }

  /** Where a late follower begins: before the last `lines` lines, or a little earlier, at the start of a batch. */
  tailIndex(lines: number): number {
    const batch = this.batches[this.positionOf(this.endIndex - lines)];
    return batch?.index ?? this.endIndex;
  }

  from(index: number, maxLines: number): LiveBatch[] {
    const first = this.positionOf(index);
    let last = first;
    for (let lines = 0; lines < maxLines && last < this.batches.length; last++) {
      const batch = this.batches[last];
      if (batch) lines += countOf(batch);
    }
    return this.batches.slice(first, last);
  }

  /** The position of the batch that has the line with this index; the first batch if that line was dropped. */
  private positionOf(index: number): number {
    let low = 0;
    let high = this.batches.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const batch = this.batches[middle];
      if (batch && batch.index + countOf(batch) > index) high = middle;
      else low = middle + 1;
    }
    return low;
  }
}
