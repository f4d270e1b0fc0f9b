import type { Stores } from "../../../server/compose/stores.ts";
import { addSample, newSeries } from "../../../server/stats/execution-series.ts";
import { SERVERS, type SubjectTally } from "../../../server/stats/stats-store.ts";
import { floorTo, STEPS } from "../../../server/stats/steps.ts";
import type { Chance } from "./agenda.ts";
import type { Held, PastNode } from "./play.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** What executions used is kept of those that ran at least this long. */
const KEPT_FROM_MS = 10 * MINUTE_MS;
const SAMPLES = 150;
const AT_ONCE = 2_000;

/** Looks at how busy everything is as often as the history of that time is kept, and writes it there. */
export class Gauges {
  private readonly seen: SubjectTally[] = [];

  constructor(
    private readonly stores: Pick<Stores, "stats">,
    private readonly chance: Chance,
  ) {}

  times(sinceMs: number, untilMs: number): number[] {
    const times: number[] = [];
    for (let atMs = sinceMs; atMs < untilMs + 2 * MINUTE_MS; atMs += stepAt(atMs, untilMs) * 1_000)
      times.push(atMs);
    return times;
  }

  look(atMs: number, nowMs: number, nodes: readonly PastNode[], queued: number): void {
    const step = stepAt(atMs, nowMs);
    const of = { step, atSeconds: floorTo(step, atMs / 1_000) };
    const running = nodes.reduce((sum, { held }) => sum + held.size, 0);
    const businessId = nodes.flatMap(({ held }) => [...held.values()])[0]?.businessId;
    this.seen.push({ ...of, subject: SERVERS, sums: { looks: 1 }, peaks: {} });
    if (businessId !== undefined)
      this.seen.push({ ...of, subject: businessId, sums: { running, queued }, peaks: {} });
    for (const node of nodes) {
      const isGone = atMs > nowMs - (node.machine.goneForMinutes ?? 0) * MINUTE_MS;
      if (!isGone) this.seen.push({ ...of, subject: node.nodeId, ...this.tallyOf(node) });
    }
  }

  /** What an execution has used until now. */
  async keep({ work, ...of }: Held, untilMs: number): Promise<void> {
    const runMs = untilMs - of.startedAtMs;
    if (runMs < KEPT_FROM_MS) return;
    const series = newSeries({ ...of, startMs: of.startedAtMs });
    for (let i = 0; i < SAMPLES; i++) {
      const warm = Math.min(1, i / 8);
      addSample(series, {
        atMs: of.startedAtMs + (i * runMs) / SAMPLES,
        cpu: work.uses.cpu * (0.25 + 0.75 * warm) * this.chance.between(0.82, 1.1),
        memoryMb: work.uses.memoryMb * (0.3 + 0.7 * warm) * this.chance.between(0.97, 1.03),
      });
    }
    const { executionId, jobId, businessId, startMs, stepMs, cpu, memoryMb } = series;
    await this.stores.stats.putExecutions([
      { executionId, jobId, businessId, startMs, stepMs, cpu, memoryMb },
    ]);
  }

  /** Hands what it saw to the store, and lets that merge what is old. */
  async flush(nowMs: number): Promise<void> {
    while (this.seen.length > 0) await this.stores.stats.add(this.seen.splice(0, AT_ONCE));
    while (await this.stores.stats.merge(Math.floor(nowMs / 1_000)));
  }

  private tallyOf(node: PastNode): Pick<SubjectTally, "sums" | "peaks"> {
    const { cpu, memoryMb } = loadOf(node, this.chance);
    const peaks = { cpu: cpu * this.chance.between(1, 1.2), memoryMb: memoryMb * 1.03 };
    return { sums: { heard: 1, sampled: 1, running: node.held.size, cpu, memoryMb }, peaks };
  }
}

/** The cores and the MiB that a machine uses for itself and for what runs on it. */
export function loadOf({ machine, held }: PastNode, chance: Chance): { cpu: number; memoryMb: number } {
  const load = { ...machine.idle };
  for (const { work } of held.values()) {
    load.cpu += work.uses.cpu * chance.between(0.8, 1.05);
    load.memoryMb += work.uses.memoryMb * chance.between(0.9, 1);
  }
  return { ...load, cpu: Math.min(load.cpu, machine.description.capacity.cpu) };
}

/** How finely, in seconds, the history of a time is kept. */
function stepAt(atMs: number, nowMs: number): number {
  const ageSeconds = (nowMs - atMs) / 1_000;
  return STEPS.find(({ keepSeconds }) => ageSeconds <= keepSeconds)?.seconds ?? (2 * HOUR_MS) / 1_000;
}
