import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { Schedule, ScheduleFire, UpcomingFire } from "../shared/schedule/schedule.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type ScheduleFilter = ListFilter<"schedules.list">;

/** Schedules: cron rules that submit jobs. */
export class Schedules {
  private readonly client: ComputeClient;

  constructor(client: ComputeClient) {
    this.client = client;
  }

  /** Not sent twice: a lost answer could mean two schedules. */
  create(
    input: EndpointInput<"schedules.create">,
    options: Patience = {},
  ): Promise<EndpointOutput<"schedules.create">> {
    return callPatiently(this.client, "schedules.create", input, options);
  }

  retrieve(scheduleId: string, options: Patience = {}): Promise<Schedule> {
    return callPatiently(this.client, "schedules.retrieve", { scheduleId }, options);
  }

  /** Newest first. */
  list(filter: ScheduleFilter = {}, options: Patience = {}): AsyncGenerator<Schedule, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { schedules, nextCursor } = await call("schedules.list", where);
      return { rows: schedules, nextCursor };
    });
  }

  /** It fires no more until it is resumed. */
  pause(scheduleId: string, options: Patience = {}): Promise<Schedule> {
    return callPatiently(this.client, "schedules.pause", { scheduleId }, options);
  }

  /** It fires from now on; what fell into the pause is not made up for. */
  resume(scheduleId: string, options: Patience = {}): Promise<Schedule> {
    return callPatiently(this.client, "schedules.resume", { scheduleId }, options);
  }

  /** Fires now. Not sent twice: that would be two fires. */
  run(scheduleId: string, options: Patience = {}): Promise<ScheduleFire> {
    return callPatiently(this.client, "schedules.run", { scheduleId }, options);
  }

  async delete(scheduleId: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "schedules.delete", { scheduleId }, options);
  }

  /** What it fired so far, also what was skipped; newest first. */
  fires(scheduleId: string, options: ListOptions = {}): AsyncGenerator<ScheduleFire, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { fires, nextCursor } = await call("schedules.fires", { scheduleId });
      return { rows: fires, nextCursor };
    });
  }

  /** When it fires next; nothing while it is paused. */
  async upcoming(scheduleId: string, count?: number, options: Patience = {}): Promise<UpcomingFire[]> {
    return (await callPatiently(this.client, "schedules.upcoming", { scheduleId, count }, options)).fires;
  }

  /** What a rule means, and when it would fire. */
  preview(
    input: EndpointInput<"schedules.preview">,
    options: Patience = {},
  ): Promise<EndpointOutput<"schedules.preview">> {
    return callPatiently(this.client, "schedules.preview", input, options);
  }
}
