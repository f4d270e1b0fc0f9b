import type { ApiKey } from "../../sdk/index.ts";
import { counted } from "../../shared/counted.ts";

/** What a key may do, and for how long, in a few words each. */
export function describeKey(key: ApiKey): string[] {
  const { role, expiresAt } = key;
  return [role, ...limitsOf(key), expiresAt === undefined ? "does not expire" : `expires at ${expiresAt}`];
}

export function limitsOf({ readOnly, maxJobsPerHour, maxConcurrent, allowedJobTypes }: ApiKey): string[] {
  return [
    ...(readOnly ? ["read-only"] : []),
    ...(maxJobsPerHour === undefined ? [] : [`${counted(maxJobsPerHour, "job")} an hour`]),
    ...(maxConcurrent === undefined ? [] : [`${counted(maxConcurrent, "job")} at a time`]),
    ...(allowedJobTypes === undefined ? [] : [`only ${allowedJobTypes.join(" and ")}`]),
  ];
}
