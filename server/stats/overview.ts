import { type Count, MAX_COUNTED, type StatsOverview } from "../../shared/stats.ts";
import { isoTime } from "../http/iso-time.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import type { OverviewCounts, StatsStore } from "./stats-store.ts";

const DAY_MS = 86_400_000;
/** Everybody who looks at a business within this time gets the same numbers. */
const FRESH_MS = 500;
const MAX_BUSINESSES = 1_000;

interface Counted {
  sinceMs: number;
  overview: Promise<StatsOverview>;
}

/** Counts what goes on in a business, once for all who ask at about the same time. */
export class Overviews {
  private readonly counted = new RecentMap<Counted>(MAX_BUSINESSES);

  constructor(
    private readonly store: StatsStore,
    private readonly now: () => number,
  ) {}

  of(businessId: string): Promise<StatsOverview> {
    const sinceMs = performance.now();
    const last = this.counted.get(businessId);
    if (last && sinceMs - last.sinceMs < FRESH_MS) return last.overview;
    const overview = this.count(businessId);
    this.counted.set(businessId, { sinceMs, overview });
    overview.catch(() => this.counted.delete(businessId));
    return overview;
  }

  private async count(businessId: string): Promise<StatsOverview> {
    const nowMs = this.now();
    const query = { businessId, maxCount: MAX_COUNTED + 1, failedSinceMs: nowMs - DAY_MS };
    const { jobs, failed, nodes, slots, liveExecutions, oldestQueued } = await this.store.overview(query);
    return {
      at: isoTime(nowMs),
      jobs: countsOf(jobs),
      failedLastDay: countOf(failed),
      nodes,
      slots: { total: slots, used: countOf(liveExecutions) },
      oldestQueued: oldestQueued && {
        jobId: oldestQueued.jobId,
        name: oldestQueued.name,
        createdAt: isoTime(oldestQueued.createdAtMs),
        waitingSeconds: Math.max(0, nowMs - oldestQueued.createdAtMs) / 1_000,
      },
    };
  }
}

function countsOf(jobs: OverviewCounts["jobs"]): StatsOverview["jobs"] {
  const counts = Object.entries(jobs).map(([status, count]) => [status, countOf(count)]);
  return Object.fromEntries(counts) as StatsOverview["jobs"];
}

function countOf(counted: number): Count {
  return { count: Math.min(counted, MAX_COUNTED), more: counted > MAX_COUNTED };
}
