import type { z } from "zod";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import type { Stores } from "../../server/compose/stores.ts";
import { fingerprintOf } from "../../server/job/fingerprint.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import { cancelled, type JobOrigin, newJob } from "../../server/job/job-rules.ts";
import type { JobStore } from "../../server/job/job-store.ts";
import type { FireRecord, ScheduleRecord } from "../../server/schedule/schedule-record.ts";
import { ScheduleService } from "../../server/schedule/schedule-service.ts";
import { Scheduler, type SchedulerParts } from "../../server/schedule/scheduler.ts";
import type { RenderTemplate } from "../../server/schedule/template-job.ts";
import { newId } from "../../shared/ids.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { newSchedule } from "../../shared/schedule/schedule.ts";

const LIMIT = 500;

/** Servers that fire schedules from one store. Their shared clock stands still until the test moves it. */
export class ScheduleWorld implements AsyncDisposable {
  nowMs = Date.UTC(2030, 0, 1);
  readonly businessId = newId("biz");
  readonly userId = newId("usr");
  readonly errors: unknown[] = [];
  private readonly bus = new MemoryBus();
  private readonly schedulers: Scheduler[] = [];

  /** @param opened one store per server, all with the same data. */
  constructor(private readonly opened: readonly Stores[]) {}

  get stores(): Stores {
    const [first] = this.opened;
    if (!first) throw new Error("a world needs a store");
    return first;
  }

  /** A server. `change` replaces parts of it, for example to let it die. */
  server(index = 0, change: (parts: SchedulerParts) => Partial<SchedulerParts> = () => ({})) {
    const stores = this.opened[index % this.opened.length] ?? this.stores;
    const now = () => this.nowMs;
    const parts: SchedulerParts = {
      schedules: stores.schedules,
      jobs: new StoredJobs(stores.jobs, now),
      keyUse: () => Promise.reject(new Error("there are no API keys here")),
      renderTemplate: () => Promise.reject(new Error("there are no templates here")),
      mayRun: async () => true,
      bus: this.bus,
      now,
      onError: (_, error) => this.errors.push(error),
    };
    const changed = { ...parts, ...change(parts) };
    const scheduler = new Scheduler(changed);
    this.schedulers.push(scheduler);
    const service = new ScheduleService({
      ...changed,
      scheduler,
      checkJob: () => Promise.resolve(),
      checkMaker: () => Promise.resolve(),
      onDue: () => undefined,
    });
    return { scheduler, service };
  }

  /** A schedule with a job that no node takes. */
  create(
    input: Partial<z.input<typeof newSchedule>> = {},
    renderTemplate?: RenderTemplate,
  ): Promise<ScheduleRecord> {
    const { service } = this.server(0, () => (renderTemplate ? { renderTemplate } : {}));
    const whole = newSchedule.parse({ cron: "0 * * * *", job: { command: "true" }, ...input });
    return service.create({ businessId: this.businessId, userId: this.userId }, whole);
  }

  /** Oldest first. */
  async fires({ scheduleId, businessId }: ScheduleRecord): Promise<FireRecord[]> {
    const query = { businessId, scheduleId, beforeFireId: undefined, limit: LIMIT };
    return (await this.stores.schedules.fires(query)).reverse();
  }

  /** The outcome of each fire: the reason if it was skipped, else its status. Oldest first. */
  async outcomes(schedule: ScheduleRecord): Promise<string[]> {
    return (await this.fires(schedule)).map((fire) => fire.reason ?? fire.status);
  }

  /** The jobs of the schedule, newest first. */
  async jobs({ scheduleId }: ScheduleRecord, status?: JobStatus[]) {
    const all = await this.stores.jobs.list({
      businessId: this.businessId,
      ...{ status, name: undefined, labels: undefined, beforeJobId: undefined },
      limit: LIMIT,
    });
    return all.filter((job) => job.scheduleId === scheduleId);
  }

  /** Ends a job as its node's report would. */
  async finish(jobId: string): Promise<void> {
    const key = { businessId: this.businessId, jobId };
    await this.stores.jobs.change([
      { key, decide: (state) => ({ job: state && { ...state.job, status: "SUCCESS" }, result: undefined }) },
    ]);
    this.bus.publish("jobs", { businessId: this.businessId, jobIds: [jobId] });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const scheduler of this.schedulers) scheduler.close();
    await this.bus.close();
    await Promise.all(this.opened.map((stores) => stores.close()));
  }
}

/** The real store, without what a control plane does for a job besides storing it. */
class StoredJobs {
  constructor(
    private readonly jobs: JobStore,
    private readonly now: () => number,
  ) {}

  async submit(
    by: { businessId: string; userId: string },
    manifest: JobManifest,
    idempotencyKey: string | undefined,
    origin: JobOrigin = {},
  ): Promise<JobRecord> {
    const idempotency = { key: idempotencyKey ?? crypto.randomUUID(), bodyHash: fingerprintOf(manifest) };
    const [outcome] = await this.jobs.insert([
      { job: newJob(by, manifest, origin, this.now()), idempotency },
    ]);
    if (!outcome || !("job" in outcome)) throw new Error("another job already used the key");
    return outcome.job;
  }

  async cancel(businessId: string, jobId: string): Promise<JobRecord> {
    const [job] = await this.jobs.change([
      {
        key: { businessId, jobId },
        decide: (state) => {
          const job = state && cancelled(state.job, this.now());
          return { job, result: job ?? state?.job };
        },
      },
    ]);
    if (!job) throw new Error("the job to cancel does not exist");
    return job;
  }
}
