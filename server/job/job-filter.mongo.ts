import type { Filter } from "mongodb";
import { firstIdAt } from "../../shared/ids.ts";
import { pcreOfGlob, plainName } from "./glob.ts";
import { type JobDocument, labelPairs } from "./job-documents.mongo.ts";
import { BEHIND_DIGITS, CLOCK_SLACK_MS, type JobListQuery } from "./job-store.ts";

/** A query as a filter, without its limit. */
export function jobFilterOf(query: JobListQuery): Filter<JobDocument> {
  const filter: Filter<JobDocument> = { business_id: query.businessId };
  const { beforeJobId, oldestBehind, sinceMs, name, status, arrayId, idPrefix } = query;
  if (beforeJobId !== undefined || oldestBehind !== undefined || sinceMs !== undefined) {
    filter.job_id = {
      ...(oldestBehind === undefined ? {} : { $gt: oldestBehind }),
      ...(beforeJobId === undefined ? {} : { $lt: beforeJobId }),
      ...(sinceMs === undefined ? {} : { $gte: firstIdAt("job", sinceMs - CLOCK_SLACK_MS) }),
    };
  }
  if (idPrefix !== undefined) {
    filter.$and = [{ job_id: { $gte: idPrefix, $lt: `${idPrefix}${BEHIND_DIGITS}` } }];
  }
  if (query.userId !== undefined) filter.user_id = query.userId;
  if (arrayId !== undefined) filter.array_id = arrayId;
  if (sinceMs !== undefined) filter.created_at = { $gte: sinceMs };
  if (name !== undefined) filter.name = plainName(name) ?? { $regex: pcreOfGlob(name) };
  if (status) filter.status = { $in: [...status] };
  const labels = labelPairs(query.labels ?? {});
  if (labels.length > 0) filter.labels = { $all: labels };
  return filter;
}

/** The order in which a query lists jobs. */
export function listOrder({ oldestBehind }: Pick<JobListQuery, "oldestBehind">): { job_id: 1 | -1 } {
  return { job_id: oldestBehind === undefined ? -1 : 1 };
}
