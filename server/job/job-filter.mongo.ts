import type { Filter } from "mongodb";
import { firstIdAt } from "../../shared/ids.ts";
import { pcreOfGlob, pcreOfPart, plainName } from "./glob.ts";
import type { JobDocument } from "./job-documents.mongo.ts";
import { BEHIND_DIGITS, CLOCK_SLACK_MS, type JobListQuery } from "./job-store.ts";
import { labelPairs } from "./label-pairs.ts";

/** A query as a filter, without its limit. */
export function jobFilterOf(query: JobListQuery): Filter<JobDocument> {
  const filter: Filter<JobDocument> = { business_id: query.businessId };
  const { beforeJobId, oldestBehind, sinceMs, untilMs, name, status, arrayId, idPrefix } = query;
  const and: Filter<JobDocument>[] = [];
  if (beforeJobId !== undefined || oldestBehind !== undefined || sinceMs !== undefined) {
    filter.job_id = {
      ...(oldestBehind === undefined ? {} : { $gt: oldestBehind }),
      ...(beforeJobId === undefined ? {} : { $lt: beforeJobId }),
      ...(sinceMs === undefined ? {} : { $gte: firstIdAt("job", sinceMs - CLOCK_SLACK_MS) }),
    };
  }
  if (idPrefix !== undefined) {
    and.push({ job_id: { $gte: idPrefix, $lt: `${idPrefix}${BEHIND_DIGITS}` } });
  }
  if (untilMs !== undefined) and.push({ job_id: { $lt: firstIdAt("job", untilMs + CLOCK_SLACK_MS) } });
  if (query.userId !== undefined) filter.user_id = query.userId;
  if (query.nodeId !== undefined) filter.node_id = query.nodeId;
  if (query.templateId !== undefined) filter.template_id = query.templateId;
  if (query.scheduleId !== undefined) filter.schedule_id = query.scheduleId;
  if (arrayId !== undefined) filter.array_id = arrayId;
  else if (query.topLevel === true) filter.array_id = { $exists: false };
  if (sinceMs !== undefined || untilMs !== undefined) {
    filter.created_at = {
      ...(sinceMs === undefined ? {} : { $gte: sinceMs }),
      ...(untilMs === undefined ? {} : { $lt: untilMs }),
    };
  }
  if (query.search !== undefined) and.push({ name: { $regex: pcreOfPart(query.search) } });
  if (and.length > 0) filter.$and = and;
  if (name !== undefined) filter.name = plainName(name) ?? { $regex: pcreOfGlob(name) };
  if (status) filter.status = { $in: [...status] };
  const labels = labelPairs(query.labels ?? {});
  if (labels.length > 0) filter.labels = { $all: labels };
  return filter;
}

/** The index for a query that is known to have no better one. It has the names, so jobs are read only if theirs matches. */
export function listHint(query: JobListQuery): Record<string, 1> | undefined {
  const { labels, arrayId, templateId, scheduleId, nodeId, userId } = query;
  const others = [arrayId, templateId, scheduleId, nodeId, userId, ...Object.values(labels ?? {})];
  if (!looksAtNames(query) || others.some((other) => other !== undefined)) return undefined;
  return { business_id: 1, job_id: 1, name: 1 };
}

/** Whether jobs may have to be passed over because of their names, so that it is not known how many must be looked at. */
export function looksAtNames({ name, search }: JobListQuery): boolean {
  return search !== undefined || (name !== undefined && plainName(name) === undefined);
}

/** The order in which a query lists jobs. */
export function listOrder({ oldestBehind }: Pick<JobListQuery, "oldestBehind">): { job_id: 1 | -1 } {
  return { job_id: oldestBehind === undefined ? -1 : 1 };
}
