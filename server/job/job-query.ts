import type { ParsedInput } from "../../shared/endpoints/index.ts";
import type { JobListQuery } from "./job-store.ts";

type Filter = Pick<ParsedInput<"jobs.list">, "status" | "idPrefix" | "name" | "labels" | "since" | "arrayId">;

/** What a request's filter asks of the store. */
export function jobQuery(
  businessId: string,
  { status, idPrefix, name, labels, since, arrayId }: Filter,
): Omit<JobListQuery, "beforeJobId" | "limit"> {
  const sinceMs = since === undefined ? undefined : Date.parse(since);
  return { businessId, status, idPrefix, name, labels, sinceMs, arrayId };
}
