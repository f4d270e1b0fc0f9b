import { activityCursor } from "../../shared/activity.ts";
import { ComputeError } from "../../shared/errors.ts";
import { businessOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import type { ActivityHub } from "./activity-hub.ts";

export function activityHandlers(hub: ActivityHub): Pick<Handlers, "activity.stream"> {
  return {
    "activity.stream": async ({ follow, lastEventId }, context) => {
      const { signal } = context;
      const after = context.lastEventId ?? lastEventId;
      return hub.read(businessOf(context), { lastEventId: checked(after), follow, signal });
    },
  };
}

function checked(eventId: string | undefined): string | undefined {
  if (eventId === undefined || eventId === "") return undefined;
  const parsed = activityCursor.safeParse(eventId);
  if (parsed.success) return parsed.data;
  const message = parsed.error.issues[0]?.message ?? "must be the id of an event of this stream";
  throw new ComputeError("invalid_request", "Last-Event-ID is not the id of an event of this stream.", {
    errors: [{ path: "Last-Event-ID", message }],
  });
}
