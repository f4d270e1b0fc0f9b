import { packRuns } from "../../shared/line-runs.ts";
import type { LineRun, LogLine } from "../../shared/log.ts";
import { unpackLines } from "../../shared/packed-lines.ts";

/** The lines of runs, one by one; none of nothing. */
export function linesOf(given: { firstSeq: number; runs: LineRun[] } | undefined): LogLine[] {
  if (!given) return [];
  const packed = packRuns(given.firstSeq, given.runs);
  if (!packed) throw new Error("a run is not what it says");
  return unpackLines(packed);
}
