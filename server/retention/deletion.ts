import type { Identity } from "../../shared/auth.ts";
import type { JobDeletion } from "../../shared/endpoints/many-jobs.ts";
import { jobId } from "../../shared/ids.ts";
import { finalJobStatus } from "../../shared/job-status.ts";
import { userOf } from "../http/callers.ts";
import type { Handlers } from "../http/handler.ts";
import { onlyOwn } from "../http/ownership.ts";
import { decodeCursor, encodeCursor } from "../http/page.ts";
import { jobQuery, personOf } from "../job/job-query.ts";
import { BYTES_PER_REQUEST } from "../job/job-slices.ts";
import type { JobStore } from "../job/job-store.ts";
import type { TrashBin } from "../trash/bin.ts";
import type { RetentionStore } from "./retention-store.ts";

export interface DeletionParts {
  jobs: Pick<JobStore, "find" | "listSome">;
  retention: RetentionStore;
  /** Called when a deletion left something to remove. */
  onDeleted(): void;
  bin: TrashBin;
  now: () => number;
}

export function deletionHandlers(
  parts: DeletionParts,
): Pick<Handlers, "jobs.delete" | "jobs.delete-matching"> {
  const { jobs, retention, onDeleted, bin, now } = parts;
  const remove = async (by: Identity, jobIds: readonly string[]) => {
    const into = bin.entryFor(by);
    const outcomes: JobDeletion[] = await retention.deleteJobs(by.businessId, jobIds, now(), into);
    const isAny = outcomes.includes("deleted");
    if (isAny && !into) onDeleted();
    return { outcomes, trashId: isAny ? into?.trashId : undefined };
  };
  const ofOthers = async ({ businessId }: Identity, userId: string, jobIds: readonly string[]) => {
    const found = await Promise.all(jobIds.map((jobId) => jobs.find(businessId, jobId)));
    return new Set(found.flatMap((job) => (job && job.userId !== userId ? [job.jobId] : [])));
  };
  return {
    "jobs.delete": async ({ jobIds }, context) => {
      const by = userOf(context);
      const userId = onlyOwn(by, "jobs.change-others");
      const theirs = userId === undefined ? new Set<string>() : await ofOthers(by, userId, jobIds);
      const wanted = jobIds.filter((jobId) => !theirs.has(jobId));
      const { outcomes, trashId } = await remove(by, wanted);
      const outcomeOf = new Map(wanted.map((jobId, i) => [jobId, outcomes[i]]));
      return {
        trashId,
        results: jobIds.map((jobId) => {
          const outcome = theirs.has(jobId) ? "not-yours" : (outcomeOf.get(jobId) ?? "not-found");
          return { jobId, outcome };
        }),
      };
    },
    "jobs.delete-matching": async (input, context) => {
      const by = userOf(context);
      const { businessId } = by;
      const userId = personOf(input.userId, onlyOwn(by, "jobs.change-others"));
      const status = finalJobStatus.options.filter((one) => input.status?.includes(one) ?? true);
      if (status.length === 0) return { matched: 0, changed: 0 };
      const beforeJobId = decodeCursor(input.cursor, jobId);
      const where = { ...jobQuery(businessId, { ...input, status }), userId };
      const query = { ...where, beforeJobId, limit: input.limit };
      const { jobs: found, isCut } = await jobs.listSome(query, BYTES_PER_REQUEST);
      // The jobs of an array are deleted with the array.
      const single = found.filter((job) => job.arrayId === undefined).map((job) => job.jobId);
      const { outcomes, trashId } = await remove(by, single);
      const last = found.length < input.limit && !isCut ? undefined : found.at(-1)?.jobId;
      return {
        trashId,
        matched: single.length,
        changed: outcomes.filter((outcome) => outcome === "deleted").length,
        nextCursor: last === undefined ? undefined : encodeCursor(last),
      };
    },
  };
}
