import { ComputeError } from "../../shared/errors.ts";
import { logCursor } from "../../shared/log.ts";
import { businessOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { type FollowParts, followLog } from "./follow.ts";
import type { LogPlace } from "./log-store.ts";

export function logHandlers(parts: FollowParts): Pick<Handlers, "jobs.logs"> {
  return {
    "jobs.logs": async ({ jobId, follow, whole, packed, tail, lastEventId }, context) => {
      const businessId = businessOf(context);
      const after = parsePlace(context.lastEventId ?? lastEventId);
      if (!(await parts.loadJob(businessId, jobId))) {
        throw new ComputeError("not_found", `There is no job ${jobId} in this business.`);
      }
      return followLog(parts, {
        businessId,
        jobId,
        after,
        tail,
        follow,
        whole,
        packed,
        signal: context.signal,
      });
    },
  };
}

/** `<attempt>.<seq>`, as in the id of a log event. */
function parsePlace(cursor: string | undefined): LogPlace | undefined {
  if (cursor === undefined || cursor === "") return undefined;
  const parsed = logCursor.safeParse(cursor);
  if (!parsed.success) {
    const message = parsed.error.issues[0]?.message ?? "is not the id of a log event";
    throw new ComputeError("invalid_request", "Last-Event-ID is not the id of an event of this stream.", {
      errors: [{ path: "Last-Event-ID", message }],
    });
  }
  const [attempt = 0, seq = 0] = parsed.data.split(".").map(Number);
  return { attempt, seq };
}
