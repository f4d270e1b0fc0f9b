import type { Job } from "../../../sdk/index.ts";

export function ArrayPart({ array }: { array: Job }) {
  return <p>{array.jobId}</p>;
}
