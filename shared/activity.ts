import { z } from "zod";
import { jobId, nodeId, scheduleId, templateId } from "./ids.ts";

/** The most ids in one event; `more` says that there are others. */
export const MAX_CHANGED_IDS = 200;

const nothing = z.object({});

const more = z.boolean();
const some = (id: z.ZodType<string>) => z.array(id).max(MAX_CHANGED_IDS);

/**
 * The events of the stream of a business's changes, by their SSE event names. They say what to read again, and nothing about
 * it. `more`: others have changed as well, and which ones is not known.
 */
export const activityEvents = {
  /** Comes first, unless `reset` does: the stream is open, and every change from now on will be in it. */
  ready: nothing,
  /** Everything may have changed. Comes first if the stream cannot tell what happened after `Last-Event-ID`. */
  reset: nothing,
  jobs: z.object({ jobIds: some(jobId), more }),
  nodes: z.object({ nodeIds: some(nodeId), more }),
  schedules: z.object({ scheduleIds: some(scheduleId), more }),
  templates: z.object({ templateIds: some(templateId), more }),
  artifacts: nothing,
  secrets: nothing,
  /** Somebody's credit in this business. */
  credits: nothing,
  members: nothing,
  apiKeys: nothing,
  enrolments: nothing,
  trash: nothing,
} as const;

export type ActivityEventName = keyof typeof activityEvents;
export type ActivityEvent = {
  [Name in ActivityEventName]: { event: Name; id?: string; data: z.infer<(typeof activityEvents)[Name]> };
}[ActivityEventName];

/** What can change. */
export type ActivitySubject = Exclude<ActivityEventName, "ready" | "reset">;

/** Says that some things of a business changed. */
export interface Change {
  subject: ActivitySubject;
  /** Which ones; absent: that is not known. */
  ids?: readonly string[];
}

/** The position in a stream of changes, as in the id of its events. */
export const activityCursor = z
  .string()
  .regex(/^[0-9a-z]{1,32}\.\d{1,15}$/, { error: "must be the id of an event of this stream" });
