import type { Job } from "../../sdk/index.ts";
import { jobStatus } from "../../shared/job-status.ts";

/** The job counts of an array, finished jobs first: `12 SUCCESS, 3 RUNNING, 5 QUEUED`. */
export function countsOf({ jobsByStatus }: Job): string | undefined {
  const counts = jobStatus.options.toReversed().flatMap((status) => {
    const count = jobsByStatus?.[status];
    return count ? [`${count} ${status}`] : [];
  });
  return counts.length > 0 ? counts.join(", ") : undefined;
}
