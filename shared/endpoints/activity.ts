import { z } from "zod";
import { activityCursor, activityEvents } from "../activity.ts";
import { defineEndpoints } from "./endpoint.ts";
import { queryFlag, streamError } from "./stream.ts";
import { activityWire } from "./wire/activity.ts";

export const activityEndpoints = defineEndpoints(activityWire, {
  "activity.stream": {
    right: "jobs.read",
    summary:
      "What changes in the business, as server-sent events: which jobs, nodes and other things to read again. Resumes after Last-Event-ID.",
    input: z.object({
      /** false: what has changed since Last-Event-ID, then the stream ends. */
      follow: queryFlag.prefault("true"),
      /** For clients that cannot set the Last-Event-ID header; the header wins. */
      lastEventId: activityCursor.optional(),
    }),
    output: z.never(),
    events: {
      ...activityEvents,
      /** The request's access has ended, so the stream ends. With new access it can resume after the last event. */
      error: streamError,
    },
  },
});
