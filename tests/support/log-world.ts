import { MemoryBus } from "../../server/bus/memory-bus.ts";
import type { StreamEvent } from "../../server/http/handler.ts";
import { JobWatch } from "../../server/job/job-watch.ts";
import { type FollowQuery, followLog, type JobSnapshot } from "../../server/log/follow.ts";
import { LogHub } from "../../server/log/log-hub.ts";
import { logMigrations, SqliteLogStore } from "../../server/log/log-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { RunWatch } from "../../server/workflow/run-watch.ts";
import { newId } from "../../shared/ids.ts";
import type { LogLine } from "../../shared/log.ts";
import { packLines } from "../../shared/packed-lines.ts";
import { makeScratch, type Scratch } from "./scratch.ts";

/** One job whose log the test writes: the real store, hub, bus and follower, without a server around them. */
export class LogWorld implements AsyncDisposable {
  readonly bus = new LossyBus();
  readonly hub = new LogHub(this.bus);
  readonly watch = new JobWatch(this.bus);
  readonly businessId = newId("biz");
  readonly jobId = newId("job");
  readonly store: SqliteLogStore;
  job: JobSnapshot | undefined = { status: "RUNNING", attempt: 1 };
  /** How long the follower waits before it reads the job again. */
  recheckMs: number | undefined;
  private readonly executionIds = new Map<number, string>();
  private readonly stopping = new AbortController();

  private constructor(
    private readonly scratch: Scratch,
    private readonly sqlite: SqliteStore,
  ) {
    this.store = new SqliteLogStore(sqlite);
  }

  static async open(): Promise<LogWorld> {
    const scratch = await makeScratch();
    return new LogWorld(scratch, new SqliteStore(scratch.join("store.db"), logMigrations));
  }

  /** Handles lines as a server does: publishes them, then stores them. */
  async write(attempt: number, first: number, last: number): Promise<void> {
    this.publish(attempt, first, last);
    await this.save(attempt, first, last);
  }

  publish(attempt: number, first: number, last: number): void {
    const { jobId } = this;
    const executionId = this.executionOf(attempt);
    this.bus.publish("logs", { jobId, executionId, attempt, ...packLines(logLines(first, last)) });
  }

  async save(attempt: number, first: number, last: number): Promise<void> {
    const { jobId, businessId } = this;
    const executionId = this.executionOf(attempt);
    await this.store.append([
      { businessId, jobId, executionId, attempt, ...packLines(logLines(first, last)) },
    ]);
  }

  setJob(job: JobSnapshot): void {
    this.job = job;
    this.bus.publish("jobs", { jobIds: [this.jobId], businessId: this.businessId });
  }

  follow(query: Partial<FollowQuery> = {}): AsyncGenerator<StreamEvent[]> {
    const parts = {
      hub: this.hub,
      store: this.store,
      loadJob: async () => this.job,
      removedLog: async () => undefined,
      watchRun: () => new RunWatch({ bus: this.bus, store: { find: async () => undefined } }, this.jobId),
      nextJobChange: (jobId: string, timeoutMs: number, signal: AbortSignal) =>
        this.watch.next(jobId, this.recheckMs ?? timeoutMs, signal),
    };
    return followLog(parts, {
      businessId: this.businessId,
      jobId: this.jobId,
      after: undefined,
      tail: undefined,
      follow: true,
      whole: false,
      packed: false,
      signal: this.stopping.signal,
      ...query,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.stopping.abort();
    this.watch.close();
    this.hub.close();
    this.sqlite.close();
    await this.scratch[Symbol.asyncDispose]();
  }

  private executionOf(attempt: number): string {
    const executionId = this.executionIds.get(attempt) ?? newId("exe");
    this.executionIds.set(attempt, executionId);
    return executionId;
  }
}

/** A bus that can report lost messages, like the bus between servers. */
class LossyBus extends MemoryBus {
  private readonly followed = new Set<() => void>();

  override followLogs(_jobId: string, mayHaveMissed: () => void): () => void {
    this.followed.add(mayHaveMissed);
    return () => this.followed.delete(mayHaveMissed);
  }

  get followedJobs(): number {
    return this.followed.size;
  }

  lose(): void {
    for (const mayHaveMissed of this.followed) mayHaveMissed();
  }
}

export function logLines(first: number, last: number): LogLine[] {
  const at = "2026-03-01T12:00:00.000Z";
  return Array.from({ length: Math.max(0, last - first + 1) }, (_, i) => ({
    seq: first + i,
    stream: "stdout",
    at,
    text: `line ${first + i}`,
  }));
}
