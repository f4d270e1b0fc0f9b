import { deletionHandlers } from "../retention/deletion.ts";
import { retentionTask, settledClock } from "../retention/retention-task.ts";
import type { RetentionSettings } from "../retention/settings.ts";
import type { PlaneBase } from "./base.ts";

/**
 * Deletes jobs and logs: by age, by size, and when somebody asks.
 *
 * @param collectFiles called when files of deleted jobs can go.
 */
export function composeRetention(base: PlaneBase, settings: RetentionSettings, collectFiles: () => void) {
  const { stores, log, clocks, bin, now, runnerOf } = base;
  const { jobs, retention } = stores;
  const isClockSettled = settledClock(clocks?.monotonicMs);
  const runner = runnerOf(retentionTask({ retention, settings, log, isClockSettled }));
  // A deletion runs immediately, not at the next tick.
  const onDeleted = () => {
    runner.runBefore(now());
    collectFiles();
  };
  return { runner, onDeleted, handlers: deletionHandlers({ jobs, retention, onDeleted, bin, now }) };
}
