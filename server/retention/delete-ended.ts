import type { EndedJob, RetentionStore } from "./retention-store.ts";

/** Deletes the ended jobs that can be deleted. The jobs of an array go with it. Resolves with how many were deleted. */
export async function deleteEnded(
  retention: RetentionStore,
  ended: readonly EndedJob[],
  nowMs: number,
): Promise<number> {
  let deleted = 0;
  const alone = ended.filter((job) => !job.inArray);
  for (const [businessId, jobs] of Map.groupBy(alone, (job) => job.businessId)) {
    const ids = jobs.map((job) => job.jobId);
    const outcomes = await retention.deleteJobs(businessId, ids, nowMs);
    deleted += outcomes.filter((outcome) => outcome === "deleted").length;
  }
  return deleted;
}
