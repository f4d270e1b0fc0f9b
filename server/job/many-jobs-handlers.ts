import type { ParsedInput } from "../../shared/endpoints/index.ts";
import { isId } from "../../shared/id-schema.ts";
import { jobId } from "../../shared/ids.ts";
import { businessOf, userOf } from "../http/callers.ts";
import type { Handlers, RequestContext } from "../http/handler.ts";
import { onlyOwn } from "../http/ownership.ts";
import { decodeCursor, encodeCursor } from "../http/page.ts";
import { jobQuery, personOf } from "./job-query.ts";
import { refuseLimited } from "./key-limits.ts";
import type { ManyJobs, RetryPlace } from "./many-jobs.ts";

type ManyJobsHandlers = Pick<Handlers, "jobs.submit-batch" | "jobs.cancel-matching" | "jobs.retry-matching">;

export function manyJobsHandlers(many: ManyJobs): ManyJobsHandlers {
  return {
    "jobs.submit-batch": async (input, context) => {
      const jobs = await many.submit(userOf(context), input.jobs, context.idempotencyKey);
      context.note({ of: { jobs: jobs.length, firstJobId: jobs[0]?.jobId } });
      return { jobs };
    },
    "jobs.cancel-matching": async (input, context) => {
      const beforeJobId = decodeCursor(input.cursor, jobId);
      const { nextBeforeJobId, ...counts } = await many.cancel({ ...queryOf(input, context), beforeJobId });
      return { ...counts, nextCursor: nextBeforeJobId && encodeCursor(nextBeforeJobId) };
    },
    "jobs.retry-matching": async (input, context) => {
      refuseLimited(userOf(context), "retry many jobs at once");
      const query = queryOf(input, context);
      const { next, ...counts } = await many.retry(query, placeOf(input.cursor), input.withDependents);
      return { ...counts, nextCursor: next && encodeCursor(`${next.behindJobId}/${next.lastJobId}`) };
    },
  };
}

function queryOf(input: ParsedInput<"jobs.cancel-matching">, context: RequestContext) {
  const userId = personOf(input.userId, onlyOwn(userOf(context), "jobs.change-others"));
  return { ...jobQuery(businessOf(context), input), userId, limit: input.limit };
}

function placeOf(cursor: string | undefined): RetryPlace | undefined {
  const twoIds = { safeParse: (text: string) => ({ success: isPlace(text) }) };
  const [behindJobId, lastJobId] = decodeCursor(cursor, twoIds)?.split("/") ?? [];
  return behindJobId === undefined || lastJobId === undefined ? undefined : { behindJobId, lastJobId };
}

function isPlace(text: string): boolean {
  const ids = text.split("/");
  return ids.length === 2 && ids.every((id) => isId("job", id));
}
