import { CollectTask } from "../collect/collect-task.ts";
import { Collector, GRACE_MS } from "../collect/collector.ts";
import { pruneArtifacts } from "../collect/prune.ts";
import { settledClock } from "../retention/retention-task.ts";
import type { RetentionSettings } from "../retention/settings.ts";
import type { PlaneBase } from "./base.ts";

/** Removes files that nothing needs any more. */
export function composeCollector(base: PlaneBase, { artifacts: { keepMs } }: RetentionSettings) {
  const { stores, blobs, bus, log, clocks, now, runnerOf } = base;
  const { artifacts, jobs, schedules, templates } = stores;
  const monotonicMs = clocks?.monotonicMs ?? (() => performance.now());
  const parts = {
    artifacts,
    blobs,
    jobs,
    schedules,
    templates,
    keepMs,
    graceMs: GRACE_MS,
    isClockSettled: settledClock(monotonicMs),
    monotonicMs,
    log,
    now,
  };
  const collector = new Collector(parts);
  const task = new CollectTask({ collector, log, now, isFull: () => stores.shortage?.() !== undefined });
  const runner = runnerOf(task);
  const unsubscribe = bus.subscribe("files", () => {
    task.ask();
    runner.runBefore(now());
  });
  /** Files may have become superfluous, or there is no room for more. */
  const ask = () => bus.publish("files", { mayGo: true });
  return {
    runner,
    ask,
    prune: async (olderThanMs: number, dryRun: boolean) => {
      const artifacts = await pruneArtifacts(parts, olderThanMs, dryRun);
      if (!dryRun) ask();
      return artifacts;
    },
    close: unsubscribe,
  };
}
