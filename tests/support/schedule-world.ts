import type { z } from "zod";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { JobService } from "../../server/job/job-service.ts";
import { JobWatch } from "../../server/job/job-watch.ts";
import type { FireRecord, ScheduleRecord } from "../../server/schedule/schedule-record.ts";
import { ScheduleService } from "../../server/schedule/schedule-service.ts";
import { Scheduler, type SchedulerParts } from "../../server/schedule/scheduler.ts";
import type { Stores } from "../../server/store/open.ts";
import { newId } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import { newSchedule } from "../../shared/schedule.ts";

const LIMIT = 500;

/** Servers that fire schedules over one store, with one clock that stands still until the test puts it forward. */
export class ScheduleWorld implements AsyncDisposable {
  nowMs = Date.UTC(2030, 0, 1);
  readonly businessId = newId("biz");
  readonly errors: unknown[] = [];
  private readonly bus = new MemoryBus();
  private readonly watch = new JobWatch(this.bus);
  private readonly schedulers: Scheduler[] = [];

  /** @param opened one for each server, over the same data. */
  constructor(private readonly opened: readonly Stores[]) {}

  get stores(): Stores {
    const [first] = this.opened;
    if (!first) throw new Error("a world needs a store");
    return first;
  }

  /** A server; `change` replaces parts of it, as by one that dies. */
  server(index = 0, change: (parts: SchedulerParts) => Partial<SchedulerParts> = () => ({})) {
    const stores = this.opened[index % this.opened.length] ?? this.stores;
    const now = () => this.nowMs;
    const due = { start: () => undefined, expiry: () => undefined };
    const parts: SchedulerParts = {
      schedules: stores.schedules,
      jobs: new JobService(stores.jobs, this.bus, this.watch, now, due, async () => undefined),
      renderTemplate: () => Promise.reject(new Error("no templates here")),
      bus: this.bus,
      now,
      onError: (_, error) => this.errors.push(error),
    };
    const changed = { ...parts, ...change(parts) };
    const scheduler = new Scheduler(changed);
    this.schedulers.push(scheduler);
    const service = new ScheduleService({ ...changed, scheduler, onDue: () => undefined });
    return { scheduler, service };
  }

  /** A schedule with a job that no node takes. */
  create(input: Partial<z.input<typeof newSchedule>> = {}): Promise<ScheduleRecord> {
    const whole = newSchedule.parse({ cron: "0 * * * *", job: { command: "true" }, ...input });
    return this.server().service.create({ businessId: this.businessId, userId: newId("usr") }, whole);
  }

  /** Oldest first. */
  async fires({ scheduleId, businessId }: ScheduleRecord): Promise<FireRecord[]> {
    const query = { businessId, scheduleId, beforeFireId: undefined, limit: LIMIT };
    return (await this.stores.schedules.fires(query)).reverse();
  }

  /** What became of each fire: its reason where it was skipped, else its status. Oldest first. */
  async outcomes(schedule: ScheduleRecord): Promise<string[]> {
    return (await this.fires(schedule)).map((fire) => fire.reason ?? fire.status);
  }

  /** Of the schedule, newest first. */
  async jobs({ scheduleId }: ScheduleRecord, status?: JobStatus[]) {
    const all = await this.stores.jobs.list({
      businessId: this.businessId,
      ...{ status, name: undefined, labels: undefined, beforeJobId: undefined },
      limit: LIMIT,
    });
    return all.filter((job) => job.scheduleId === scheduleId);
  }

  /** Ends a job, as its node's report would. */
  async finish(jobId: string): Promise<void> {
    const key = { businessId: this.businessId, jobId };
    await this.stores.jobs.change([
      { key, decide: (state) => ({ job: state && { ...state.job, status: "SUCCESS" }, result: undefined }) },
    ]);
    this.bus.publish("job", key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const scheduler of this.schedulers) scheduler.close();
    this.watch.close();
    await this.bus.close();
    await Promise.all(this.opened.map((stores) => stores.close()));
  }
}
