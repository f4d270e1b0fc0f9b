import { z } from "zod";
import { statsOverview } from "../stats.ts";
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
});
