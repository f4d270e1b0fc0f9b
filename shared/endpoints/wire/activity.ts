import { defineWire } from "./wire-row.ts";

export const activityWire = defineWire({
  "activity.stream": {
    method: "GET",
    path: "/api/compute/activity/stream",
    callers: ["user"],
    errors: [],
    repeatable: true,
    streams: true,
  },
});
