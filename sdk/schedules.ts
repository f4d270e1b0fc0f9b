import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { Schedule, ScheduleFire, UpcomingFire } from "../shared/schedule/schedule.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type ScheduleFilter = ListFilter<"schedules.list">;

/**
 * Schedules: cron rules that submit jobs.
 *
 * @example
 * const schedule = await compute.schedules.create({ cron: "0 3 * * *", timeZone: "Europe/Berlin", job: { command: "make" } });
 * const [next] = await compute.schedules.upcoming(schedule.scheduleId, 1);
 */
export class Schedules {
  constructor(private readonly client: ComputeClient) {}

  /** Creates a schedule. Never retried: a retry after a lost answer could make a second schedule. */
  create(
    input: EndpointInput<"schedules.create">,
    options: Patience = {},
  ): Promise<EndpointOutput<"schedules.create">> {
    return callPatiently(this.client, "schedules.create", input, options);
  }

  /** Throws `not_found` if there is no such schedule. */
  retrieve(scheduleId: string, options: Patience = {}): Promise<Schedule> {
    return callPatiently(this.client, "schedules.retrieve", { scheduleId }, options);
  }

  /** Lists schedules, newest first. */
  list(filter: ScheduleFilter = {}, options: Patience = {}): AsyncGenerator<Schedule, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { schedules, nextCursor } = await call("schedules.list", where);
      return { rows: schedules, nextCursor };
    });
  }

  /** Stops firing until the schedule is resumed. */
  pause(scheduleId: string, options: Patience = {}): Promise<Schedule> {
    return callPatiently(this.client, "schedules.pause", { scheduleId }, options);
  }

  /** Fires again from now on; fires missed during the pause are not made up. */
  resume(scheduleId: string, options: Patience = {}): Promise<Schedule> {
    return callPatiently(this.client, "schedules.resume", { scheduleId }, options);
  }

  /** Fires now. Never retried: a retry after a lost answer could fire twice. */
  run(scheduleId: string, options: Patience = {}): Promise<ScheduleFire> {
    return callPatiently(this.client, "schedules.run", { scheduleId }, options);
  }

  /** Deletes a schedule and its history of fires; submitted jobs keep running. */
  async delete(scheduleId: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "schedules.delete", { scheduleId }, options);
  }

  /** The fires so far, including skipped fires; newest first. */
  fires(scheduleId: string, options: ListOptions = {}): AsyncGenerator<ScheduleFire, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { fires, nextCursor } = await call("schedules.fires", { scheduleId });
      return { rows: fires, nextCursor };
    });
  }

  /** The next fires, 5 unless `count` says otherwise; empty while the schedule is paused. */
  async upcoming(scheduleId: string, count?: number, options: Patience = {}): Promise<UpcomingFire[]> {
    return (await callPatiently(this.client, "schedules.upcoming", { scheduleId, count }, options)).fires;
  }

  /** Explains a cron rule in words and lists its next fires. */
  preview(
    input: EndpointInput<"schedules.preview">,
    options: Patience = {},
  ): Promise<EndpointOutput<"schedules.preview">> {
    return callPatiently(this.client, "schedules.preview", input, options);
  }
}
