import { z } from "zod";
import { MAX_SERIES_POINTS, statsOverview, statsSeries, statsSubject } from "../stats.ts";
import { timestamp } from "../timestamp.ts";
import { defineEndpoints } from "./endpoint.ts";
import { statsWire } from "./wire/stats.ts";

export const statsEndpoints = defineEndpoints(statsWire, {
  "stats.overview": {
    right: "jobs.read",
    summary:
      "Jobs by status, failures of the last day, nodes by state, slots, and the job that waits longest.",
    input: z.strictObject({}),
    output: statsOverview,
  },
  "stats.series": {
    right: "jobs.read",
    summary:
      "What happened over time in the business, on a node or in an execution, as columns of numbers for a chart. The longer ago, the coarser.",
    input: z.strictObject({
      of: statsSubject.default({ kind: "business" }),
      /** Default: an hour before `until`. An execution is always shown whole. */
      since: timestamp.optional(),
      /** Default: now. */
      until: timestamp.optional(),
      /** Points stand for more time if there would be more of them. */
      maxPoints: z.int().min(1).max(MAX_SERIES_POINTS).default(400),
    }),
    output: statsSeries,
  },
});
