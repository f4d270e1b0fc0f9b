import type { JobRecord } from "./job-record.ts";

/** Jobs come in slices of so many bytes at most, or one by one where they are larger: nobody else is served meanwhile. */
export const BYTES_AT_ONCE = 1024 * 1024;
/** One request reads or changes no more, a single job apart; its answer says where to go on. */
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

/** The first that come to no more than `maxBytes`; a single one may. */
export function firstOf(
  sizes: readonly SizedJob[],
  maxBytes: number,
): { ids: string[]; bytes: number; isCut: boolean } {
  const ids: string[] = [];
  let bytes = 0;
  for (const one of sizes) {
    if (ids.length > 0 && bytes + one.bytes > maxBytes) return { ids, bytes, isCut: true };
    ids.push(one.job_id);
    bytes += one.bytes;
  }
  return { ids, bytes, isCut: false };
}
