import { limits } from "../../shared/limits.ts";
import { type ExecutionReport, jsonBytes } from "../../shared/node.ts";

const MAX_REPORTS = 1_000;
/** Leaves room for the reports themselves, which are small without results. */
const MAX_RESULT_BYTES = limits.maxBodyBytes / 2;

/** The first reports of a queue that go into one request: not too many, and without too large results. At least one. */
export function firstReports(queue: readonly ExecutionReport[]): ExecutionReport[] {
  let bytes = 0;
  const first: ExecutionReport[] = [];
  for (const report of queue.slice(0, MAX_REPORTS)) {
    bytes += jsonBytes(report.results) + jsonBytes(report.outputProblems);
    if (bytes > MAX_RESULT_BYTES && first.length > 0) break;
    first.push(report);
  }
  return first;
}
