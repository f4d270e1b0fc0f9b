import "./overview.css";
import { useLocation } from "preact-iso";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { FirstSteps } from "./first-steps.tsx";
import { History } from "./history.tsx";
import { NodesNow, RecentFailures, RunningNow } from "./lists.tsx";
import { rangeOf } from "./range.ts";
import { Tiles } from "./tiles.tsx";

/** Ages and waits go on without a change on the server. */
const EVERY_MS = 15_000;

export default function OverviewPage() {
  const { query } = useLocation();
  const { value, error, refresh } = useData("overview", (signal) => compute.stats.overview({ signal }), {
    topics: ["jobs", "nodes"],
    everyMs: EVERY_MS,
  });
  const hasNodes = value !== undefined && Object.values(value.nodes).some((count) => count > 0);
  const hasJobs = value !== undefined && Object.values(value.jobs).some(({ count }) => count > 0);
  return (
    <>
      <PageHead title="Overview" />
      <div class="stack overview">
        {error !== undefined && <Trouble error={error} onRetry={refresh} />}
        {value === undefined && error === undefined && <Waiting label="Loading the overview" />}
        {value && (!hasNodes || !hasJobs) && <FirstSteps hasNodes={hasNodes} hasJobs={hasJobs} />}
        {value && (hasNodes || hasJobs) && (
          <>
            <Tiles of={value} />
            <History range={rangeOf(query.range)} />
            <div class="columns lists">
              <RunningNow />
              <RecentFailures />
            </div>
            {hasNodes && <NodesNow />}
          </>
        )}
      </div>
    </>
  );
}
