import type { EndpointInput } from "../shared/endpoints/index.ts";
import type { StatsOverview, StatsSeries } from "../shared/stats.ts";
import type { ComputeClient } from "./client.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type SeriesQuery = EndpointInput<"stats.series">;

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

  /**
   * What happened over time, as columns for a chart: of the business, of a node, or of an execution. Throws `not_found` if
   * there is no such node or execution.
   */
  series(of: SeriesQuery = {}, options: Patience = {}): Promise<StatsSeries> {
    return callPatiently(this.client, "stats.series", of, options);
  }
}
