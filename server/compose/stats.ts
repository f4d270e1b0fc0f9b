import { inTime } from "../../shared/wait.ts";
import { statsHandlers } from "../stats/handlers.ts";
import { Overviews } from "../stats/overview.ts";
import { SeriesReader } from "../stats/series.ts";
import { gaugesTask, historyTask, mergeTask } from "../stats/tasks.ts";
import type { PlaneBase } from "./base.ts";

const LAST_FLUSH_MS = 2_000;

/** What goes on in a business, in numbers. */
export function composeStats({ stores, history, runnerOf, now, onError }: PlaneBase) {
  const { stats, nodes, executions } = stores;
  return {
    handlers: statsHandlers({
      ...{ nodes, executions, now },
      overviews: new Overviews(stats, now),
      series: new SeriesReader(stats, now),
    }),
    runners: [historyTask(history), gaugesTask(stats, history), mergeTask(stats)].map(runnerOf),
    /** Hands over what was counted last, if the store takes it soon. */
    close: async () => {
      const flushed = history.flush().catch((error) => onError("the last of the history", error));
      await inTime(LAST_FLUSH_MS, flushed);
    },
  };
}
