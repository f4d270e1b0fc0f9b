import type { Logger } from "../../shared/logger.ts";
import type { Clocks } from "../../shared/standstill.ts";
import type { JobStore } from "../job/job-store.ts";
import { deletionHandlers } from "../retention/deletion.ts";
import type { RetentionStore } from "../retention/retention-store.ts";
import { retentionTask, settledClock } from "../retention/retention-task.ts";
import type { RetentionSettings } from "../retention/settings.ts";
import type { PeriodicTask, TaskRunner } from "../tasks/periodic.ts";

export interface RetentionComposition {
  jobs: JobStore;
  retention: RetentionStore;
  settings: RetentionSettings;
  log: Logger;
  /** Those of the machine where a test has no others. */
  clocks: Clocks | undefined;
  now: () => number;
}

export function composeRetention(parts: RetentionComposition, runnerOf: (task: PeriodicTask) => TaskRunner) {
  const { jobs, retention, settings, log, clocks, now } = parts;
  const isClockSettled = settledClock(clocks?.monotonicMs);
  const runner = runnerOf(retentionTask({ retention, settings, log, isClockSettled }));
  // What was deleted goes at once, not with the next tick.
  const onDeleted = () => runner.runBefore(now());
  return { runner, handlers: deletionHandlers({ jobs, retention, onDeleted, now }) };
}
