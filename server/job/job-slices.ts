import type { JobRecord } from "./job-record.ts";

/** A slice of jobs ends with the one that reaches so many bytes: nobody else is served while it is worked on. */
export const BYTES_AT_ONCE = 1024 * 1024;
/** One request that reads or changes jobs ends soon behind so many; its answer says where to go on. */
export const BYTES_PER_REQUEST = 8 * 1024 * 1024;
/** Jobs that are changed in one go. */
export const CHANGED_AT_ONCE = 50;

/** The first jobs of a list, and what their manifests come to. `isCut`: there are more, which were too large for it. */
export interface JobSlice {
  jobs: JobRecord[];
  bytes: number;
  isCut: boolean;
}

/** A job that is not read yet. */
export interface SizedJob {
  job_id: string;
  bytes: number;
}

/** The first, up to the one with which they come to `maxBytes`. */
export function firstOf(
  sizes: readonly SizedJob[],
  maxBytes: number,
): { ids: string[]; bytes: number; isCut: boolean } {
  const ids: string[] = [];
  let bytes = 0;
  for (const one of sizes) {
    if (bytes >= maxBytes) return { ids, bytes, isCut: true };
    ids.push(one.job_id);
    bytes += one.bytes;
  }
  return { ids, bytes, isCut: false };
}
