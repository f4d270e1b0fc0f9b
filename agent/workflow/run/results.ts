import type { Conclusion } from "../../../shared/workflow-run.ts";

/** The result of several: the worst that one of them has. */
export function worst(results: readonly Conclusion[]): Conclusion {
  for (const result of ["failure", "cancelled", "success"] as const)
    if (results.includes(result)) return result;
  return results.length > 0 ? "skipped" : "success";
}
