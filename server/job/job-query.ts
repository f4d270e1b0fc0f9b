import type { ParsedInput } from "../../shared/endpoints/index.ts";
import type { JobListQuery } from "./job-store.ts";

type Filter = Omit<ParsedInput<"jobs.list">, "limit" | "cursor">;

/** A request's filter as a query to the store. */
export function jobQuery(
  businessId: string,
  { since, until, ...filter }: Filter,
): Omit<JobListQuery, "beforeJobId" | "limit"> {
  const {
    status,
    idPrefix,
    name,
    search,
    labels,
    arrayId,
    userId,
    nodeId,
    templateId,
    scheduleId,
    topLevel,
  } = filter;
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  const untilMs = until === undefined ? undefined : Date.parse(until);
  return {
    ...{ businessId, status, idPrefix, name, search, labels, sinceMs, untilMs, arrayId },
    ...{ userId, nodeId, templateId, scheduleId, topLevel },
  };
}

/** The person whose jobs a query selects, if the caller may change only `own`. A filter for another person selects nothing. */
export function personOf(wanted: string | undefined, own: string | undefined): string | undefined {
  if (own === undefined || wanted === undefined || own === wanted) return own ?? wanted;
  return NOBODY;
}

const NOBODY = "";

/** Selects what follows a job in a list: newest first, but the jobs of an array in the order of its indexes. */
export function behind(
  jobId: string | undefined,
  { arrayId }: Filter,
): Pick<JobListQuery, "beforeJobId" | "oldestBehind"> {
  return arrayId === undefined
    ? { beforeJobId: jobId }
    : { beforeJobId: undefined, oldestBehind: jobId ?? "" };
}
