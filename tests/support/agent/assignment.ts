import { newId } from "../../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../../shared/manifest.ts";
import type { Assignment } from "../../../shared/node.ts";

/** A job as a server hands it over: the first attempt, without special requirements, under a long lease. */
export function assignmentOf(
  manifest: JobManifestInput,
  executionId = newId("exe"),
  leaseEndsAtMs = Date.now() + 60_000,
): Assignment {
  return {
    executionId,
    jobId: newId("job"),
    attempt: 1,
    manifest: jobManifest.parse(manifest),
    resources: { cpu: 0, memoryMb: 0, gpuCount: 0 },
    gpuIndexes: [],
    leaseExpiresAt: new Date(leaseEndsAtMs).toISOString(),
  };
}
