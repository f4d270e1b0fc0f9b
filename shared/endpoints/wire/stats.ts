import { defineWire } from "./wire-row.ts";

export const statsWire = defineWire({
  "stats.overview": {
    method: "POST",
    path: "/api/compute/stats/overview",
    callers: ["user"],
    errors: [],
    repeatable: true,
  },
  "stats.series": {
    method: "POST",
    path: "/api/compute/stats/series",
    callers: ["user"],
    errors: ["not_found"],
    repeatable: true,
  },
});
