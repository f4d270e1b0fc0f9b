/** What an execution used at a moment. */
export interface UsageSample {
  atMs: number;
  /** Cores. */
  cpu: number;
  memoryMb: number;
}

/** What an execution used over time. The n-th point is about the n-th stretch of `stepMs` after `startMs`. */
export interface ExecutionSeries {
  executionId: string;
  jobId: string;
  businessId: string;
  startMs: number;
  stepMs: number;
  /** Cores, on average; null: nothing is known. */
  cpu: (number | null)[];
  /** MiB, the highest. */
  memoryMb: (number | null)[];
}

/** An execution has at most this many points. One that runs longer has points that stand for more time. */
export const MAX_POINTS = 300;
const FIRST_STEP_MS = 2_000;

export function newSeries(
  of: Pick<ExecutionSeries, "executionId" | "jobId" | "businessId" | "startMs">,
): ExecutionSeries {
  return { ...of, stepMs: FIRST_STEP_MS, cpu: [], memoryMb: [] };
}

/** Adds a sample. One from before the start counts for the first point. */
export function addSample(series: ExecutionSeries, { atMs, cpu, memoryMb }: UsageSample): void {
  const place = () => Math.floor(Math.max(0, atMs - series.startMs) / series.stepMs);
  while (place() >= MAX_POINTS) halve(series);
  const at = place();
  while (series.cpu.length <= at) {
    series.cpu.push(null);
    series.memoryMb.push(null);
  }
  series.cpu[at] = rounded(mean(series.cpu[at], cpu), 1_000);
  series.memoryMb[at] = rounded(highest(series.memoryMb[at], memoryMb), 10);
}

/** One series of what two servers know. What both have counts once: the first is right. */
export function mergeSeries(one: ExecutionSeries, other: ExecutionSeries): ExecutionSeries {
  const [a, b] = [structuredClone(one), structuredClone(other)];
  while (a.stepMs < b.stepMs) halve(a);
  while (b.stepMs < a.stepMs) halve(b);
  const length = Math.max(a.cpu.length, b.cpu.length);
  const points = Array.from({ length }, (_, i) => i);
  return {
    ...a,
    cpu: points.map((i) => a.cpu[i] ?? b.cpu[i] ?? null),
    memoryMb: points.map((i) => a.memoryMb[i] ?? b.memoryMb[i] ?? null),
  };
}

function halve(series: ExecutionSeries): void {
  series.stepMs *= 2;
  series.cpu = inPairs(series.cpu, (a, b) => rounded(mean(a, b), 1_000));
  series.memoryMb = inPairs(series.memoryMb, (a, b) => highest(a, b));
}

function inPairs(
  points: readonly (number | null)[],
  join: (a: number | null, b: number) => number,
): (number | null)[] {
  return Array.from({ length: Math.ceil(points.length / 2) }, (_, i) => {
    const [first = null, second = null] = [points[2 * i], points[2 * i + 1]];
    return second === null ? first : join(first, second);
  });
}

function mean(before: number | null | undefined, value: number): number {
  return before == null ? value : (before + value) / 2;
}

function highest(before: number | null | undefined, value: number): number {
  return Math.max(before ?? value, value);
}

function rounded(value: number, by: number): number {
  return Math.round(value * by) / by;
}
