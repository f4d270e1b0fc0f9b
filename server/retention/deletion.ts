import type { JobDeletion } from "../../shared/endpoints/many-jobs.ts";
import { jobId } from "../../shared/ids.ts";
import { finalJobStatus } from "../../shared/job-state.ts";
import { businessOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { decodeCursor, encodeCursor } from "../http/page.ts";
import { jobQuery } from "../job/job-query.ts";
import { BYTES_PER_REQUEST } from "../job/job-slices.ts";
import type { JobStore } from "../job/job-store.ts";
import type { RetentionStore } from "./retention-store.ts";

export interface DeletionParts {
  jobs: Pick<JobStore, "listSome">;
  retention: RetentionStore;
  /** Called when a deletion left something to remove. */
  onDeleted(): void;
  now: () => number;
}

export function deletionHandlers(
  parts: DeletionParts,
): Pick<Handlers, "jobs.delete" | "jobs.delete-matching"> {
  const { jobs, retention, onDeleted, now } = parts;
  const remove = async (businessId: string, jobIds: readonly string[]): Promise<JobDeletion[]> => {
    const outcomes = await retention.deleteJobs(businessId, jobIds, now());
    if (outcomes.includes("deleted")) onDeleted();
    return outcomes;
  };
  return {
    "jobs.delete": async ({ jobIds }, context) => {
      const outcomes = await remove(businessOf(context), jobIds);
      return {
        results: jobIds.map((jobId, i) => ({ jobId, outcome: outcomes[i] ?? "not-found" })),
      };
    },
    "jobs.delete-matching": async (input, context) => {
      const businessId = businessOf(context);
      const status = finalJobStatus.options.filter((one) => input.status?.includes(one) ?? true);
      if (status.length === 0) return { matched: 0, changed: 0 };
      const beforeJobId = decodeCursor(input.cursor, jobId);
      const query = { ...jobQuery(businessId, { ...input, status }), beforeJobId, limit: input.limit };
      const { jobs: found, isCut } = await jobs.listSome(query, BYTES_PER_REQUEST);
      // The jobs of an array are deleted with the array.
      const single = found.filter((job) => job.arrayId === undefined).map((job) => job.jobId);
      const outcomes = await remove(businessId, single);
      const last = found.length < input.limit && !isCut ? undefined : found.at(-1)?.jobId;
      return {
        matched: single.length,
        changed: outcomes.filter((outcome) => outcome === "deleted").length,
        nextCursor: last === undefined ? undefined : encodeCursor(last),
      };
    },
  };
}
