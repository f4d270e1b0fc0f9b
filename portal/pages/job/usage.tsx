import type { Execution, Job } from "../../../sdk/index.ts";

/** CPU and memory over time. */
export function Usage(_: { job: Job; executions: readonly Execution[] }) {
  return null;
}
