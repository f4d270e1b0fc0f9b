import type { StatsOverview } from "../shared/stats.ts";
import type { ComputeClient } from "./client.ts";
import { callPatiently, type Patience } from "./patience.ts";

/**
 * What goes on in the business, in numbers.
 *
 * @example
 * const { jobs, slots } = await compute.stats.overview();
 * console.log(jobs.QUEUED.count, slots.used.count, slots.total);
 */
export class Stats {
  constructor(private readonly client: ComputeClient) {}

  /** The business now: jobs by status, recent failures, nodes and slots, and the job that waits longest. */
  overview(options: Patience = {}): Promise<StatsOverview> {
    return callPatiently(this.client, "stats.overview", {}, options);
  }
}
