import type { EndpointOutput } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Chart } from "../../charts/chart.tsx";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { addressOfRange, RANGES, type Range } from "./range.ts";

/** Narrow bars cannot be told apart. */
const MAX_POINTS = 120;

/** What happened over time: jobs that ended, how long jobs waited, and how many waited and ran. */
export function History({ range }: { range: Range }) {
  const { value, error, refresh } = useData(
    `history ${range.value}`,
    (signal) => {
      const since = new Date(Date.now() - range.ms).toISOString();
      return compute.client.call("stats.series", { since, maxPoints: MAX_POINTS }, { signal });
    },
    { everyMs: range.everyMs },
  );
  return (
    <section class="stack" aria-label="History">
      <div class="row wrap apart">
        <h2>History</h2>
        <nav class="range-switch" aria-label="How far back">
          {RANGES.map((one) => (
            <a
              key={one.value}
              href={addressOfRange(one)}
              {...(one.value === range.value && { "aria-current": "true" })}
            >
              {one.text}
            </a>
          ))}
        </nav>
      </div>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {value === undefined && error === undefined && <Waiting lines={2} label="Loading the history" />}
      {value && <Charts series={value} />}
    </section>
  );
}

function Charts({ series: { at, columns } }: { series: EndpointOutput<"stats.series"> }) {
  const times = at.map((seconds) => seconds * 1_000);
  const none: readonly null[] = [];
  return (
    <div class="history">
      <Card>
        <Chart
          label="Jobs that ended"
          unit="count"
          kind="bars"
          height={200}
          times={times}
          series={[
            { name: "Succeeded", tone: "good", values: columns.succeeded ?? none },
            { name: "Failed", tone: "bad", values: columns.failed ?? none },
            { name: "Cancelled", tone: "still", values: columns.cancelled ?? none },
          ]}
          empty="No job has ended in this time."
        />
      </Card>
      <Card>
        <Chart
          label="Waited for a node"
          unit="seconds"
          times={times}
          series={[
            { name: "Median", values: columns.waitP50Seconds ?? none },
            { name: "95th percentile", values: columns.waitP95Seconds ?? none },
          ]}
          empty="No job has started in this time."
        />
      </Card>
      <Card>
        <Chart
          label="Queued and running"
          unit="count"
          times={times}
          series={[
            { name: "Running", tone: "busy", values: columns.running ?? none },
            { name: "Queued", tone: "still", values: columns.queued ?? none },
          ]}
        />
      </Card>
    </div>
  );
}
