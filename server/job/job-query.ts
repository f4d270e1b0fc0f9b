import type { ParsedInput } from "../../shared/endpoints/index.ts";
import type { JobListQuery } from "./job-store.ts";

type Filter = Pick<ParsedInput<"jobs.list">, "status" | "idPrefix" | "name" | "labels" | "since" | "arrayId">;

/** A request's filter as a query to the store. */
export function jobQuery(
  businessId: string,
  { status, idPrefix, name, labels, since, arrayId }: Filter,
): Omit<JobListQuery, "beforeJobId" | "limit"> {
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  return { businessId, status, idPrefix, name, labels, sinceMs, arrayId };
}

/** Selects what follows a job in a list: newest first, but the jobs of an array in the order of its indexes. */
export function behind(
  jobId: string | undefined,
  { arrayId }: Filter,
): Pick<JobListQuery, "beforeJobId" | "oldestBehind"> {
  return arrayId === undefined
    ? { beforeJobId: jobId }
    : { beforeJobId: undefined, oldestBehind: jobId ?? "" };
}
