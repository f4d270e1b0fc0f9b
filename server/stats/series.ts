import { ComputeError } from "../../shared/errors.ts";
import type { StatsSeries } from "../../shared/stats.ts";
import type { ExecutionSeries } from "./execution-series.ts";
import { FLUSH_EVERY_MS } from "./history.ts";
import { SERVERS, type StatsStore, type SubjectTally } from "./stats-store.ts";
import { floorTo, STEPS, shownSeconds } from "./steps.ts";
import { addTally, newTally, type Tally, waitPercentile } from "./tally.ts";

type Columns = StatsSeries["columns"];

export interface SeriesRange {
  sinceMs: number;
  untilMs: number;
  maxPoints: number;
}

/** A tally that is not in the store yet must not look like a time in which nothing happened. */
const UNTOLD_MS = FLUSH_EVERY_MS + 2_000;

/** A node is heard from at least this often, so that a point never lacks its numbers by chance. */
const HEARD_WITHIN_SECONDS = 20;

/** What happened to businesses, nodes and executions over time, as columns for a chart. */
export class SeriesReader {
  constructor(
    private readonly store: Pick<StatsStore, "read" | "findExecutions">,
    private readonly now: () => number,
  ) {}

  async ofBusiness(businessId: string, range: SeriesRange): Promise<StatsSeries> {
    const buckets = this.bucketsOf(range);
    const [own, servers] = await Promise.all([this.read(businessId, buckets), this.read(SERVERS, buckets)]);
    const columnOf = (numberOf: (tally: Tally, looks: number) => number | null) =>
      buckets.at.map((at) => numberOf(own.get(at) ?? newTally(), servers.get(at)?.sums.looks ?? 0));
    // Without a server nobody could count, unless something was counted all the same.
    const counted = (name: string) => columnOf(({ sums }, looks) => sums[name] ?? (looks > 0 ? 0 : null));
    const seen = (name: string) =>
      columnOf(({ sums }, looks) => (looks > 0 ? rounded((sums[name] ?? 0) / looks) : null));
    const wait = (share: number) =>
      columnOf((tally) => {
        const waitMs = waitPercentile(tally, share);
        return waitMs === undefined ? null : rounded(waitMs / 1_000);
      });
    return seriesOf(buckets, {
      submitted: counted("submitted"),
      started: counted("started"),
      succeeded: counted("succeeded"),
      failed: counted("failed"),
      cancelled: counted("cancelled"),
      waitP50Seconds: wait(0.5),
      waitP95Seconds: wait(0.95),
      queued: seen("queued"),
      running: seen("running"),
    });
  }

  async ofNode(nodeId: string, range: SeriesRange): Promise<StatsSeries> {
    const buckets = this.bucketsOf(range, HEARD_WITHIN_SECONDS);
    const tallies = await this.read(nodeId, buckets);
    const columnOf = (numberOf: (tally: Tally) => number | undefined) =>
      buckets.at.map((at) => rounded(numberOf(tallies.get(at) ?? newTally()) ?? Number.NaN));
    const mean = (name: string, of: string) => columnOf(({ sums }) => (sums[name] ?? 0) / (sums[of] ?? 0));
    return seriesOf(buckets, {
      cpu: mean("cpu", "sampled"),
      cpuPeak: columnOf(({ peaks }) => peaks.cpu),
      memoryMb: mean("memoryMb", "sampled"),
      memoryMbPeak: columnOf(({ peaks }) => peaks.memoryMb),
      running: mean("running", "heard"),
    });
  }

  /** What an execution used, from its start on; without points if nothing is known. */
  async ofExecution(executionId: string, startMs: number): Promise<StatsSeries> {
    const [stored] = await this.store.findExecutions([executionId]);
    const series: Pick<ExecutionSeries, "startMs" | "stepMs" | "cpu" | "memoryMb"> = stored ?? {
      ...{ startMs, stepMs: 2_000, cpu: [], memoryMb: [] },
    };
    const stepSeconds = series.stepMs / 1_000;
    const at = series.cpu.map((_, i) => series.startMs / 1_000 + i * stepSeconds);
    return { stepSeconds, at, columns: { cpu: series.cpu, memoryMb: series.memoryMb } };
  }

  private bucketsOf({ sinceMs, untilMs, maxPoints }: SeriesRange, leastSeconds?: number) {
    const nowMs = this.now();
    const lastMs = Math.min(untilMs, nowMs - UNTOLD_MS);
    const earliestMs = nowMs - (STEPS.at(-1)?.keepSeconds ?? 0) * 1_000;
    const [sinceSeconds, untilSeconds] = [Math.max(sinceMs, earliestMs) / 1_000, lastMs / 1_000];
    if (sinceMs >= untilMs) throw emptyRange();
    const range = { sinceSeconds, untilSeconds, nowSeconds: nowMs / 1_000 };
    const stepSeconds = shownSeconds(range, maxPoints, leastSeconds);
    const at: number[] = [];
    for (let next = floorTo(stepSeconds, sinceSeconds); next < untilSeconds; next += stepSeconds)
      at.push(next);
    return { stepSeconds, at };
  }

  private async read(subject: string, { stepSeconds, at }: Buckets): Promise<Map<number, Tally>> {
    const [since = 0, until = -1] = [at[0], at.at(-1)];
    const buckets = new Map<number, Tally>();
    const tallies: SubjectTally[] = await this.store.read(subject, since, until + stepSeconds);
    for (const { atSeconds, ...tally } of tallies) {
      const start = floorTo(stepSeconds, atSeconds);
      const bucket = buckets.get(start) ?? newTally();
      addTally(bucket, tally);
      buckets.set(start, bucket);
    }
    return buckets;
  }
}

type Buckets = ReturnType<SeriesReader["bucketsOf"]>;

function seriesOf({ stepSeconds, at }: Buckets, columns: Columns): StatsSeries {
  return { stepSeconds, at, columns };
}

/** To three decimals; null if it is no number. */
function rounded(value: number): number | null {
  return Number.isFinite(value) ? Math.round(value * 1_000) / 1_000 : null;
}

function emptyRange(): ComputeError {
  return new ComputeError("invalid_request", "since must be before until.", {
    errors: [{ path: "since", message: "must be before until" }],
  });
}
