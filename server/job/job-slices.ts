import type { JobRecord } from "./job-record.ts";

/** A slice of jobs ends with the job whose manifest and results reach this size, because nothing else is served meanwhile. */
export const BYTES_AT_ONCE = 1024 * 1024;
/** A request that reads or changes jobs stops soon after this size. Its answer says where to continue. */
export const BYTES_PER_REQUEST = 8 * 1024 * 1024;
/** How many jobs are changed in one go. */
export const CHANGED_AT_ONCE = 50;

/** The first jobs of a list, and the size of their manifests and results. `isCut`: the list ended early because of their size. */
export interface JobSlice {
  jobs: JobRecord[];
  bytes: number;
  isCut: boolean;
  /** The last job that was looked at, if there was no time to look at more. */
  pausedAt?: string;
}

/** A job that is not read yet, and its size. */
export interface SizedJob {
  job_id: string;
  bytes: number;
}

/** The first ids, up to the job with which they reach `maxBytes`. */
export function firstOf(
  sizes: readonly SizedJob[],
  maxBytes: number,
): { ids: string[]; bytes: number; isCut: boolean } {
  const ids: string[] = [];
  let bytes = 0;
  for (const job of sizes) {
    if (bytes >= maxBytes) return { ids, bytes, isCut: true };
    ids.push(job.job_id);
    bytes += job.bytes;
  }
  return { ids, bytes, isCut: false };
}
