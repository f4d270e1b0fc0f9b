import { useState } from "preact/hooks";
import type { EndpointOutput, Node } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Chart, type ChartSeries } from "../../charts/chart.tsx";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Choice } from "../../ui/choice.tsx";

type Columns = EndpointOutput<"stats.series">["columns"];

const HOUR_SECONDS = 3_600;
/** In seconds. */
const RANGES = [
  { text: "1 hour", value: String(HOUR_SECONDS) },
  { text: "1 day", value: String(24 * HOUR_SECONDS) },
  { text: "1 week", value: String(7 * 24 * HOUR_SECONDS) },
  { text: "30 days", value: String(30 * 24 * HOUR_SECONDS) },
];
const MAX_POINTS = 300;
const EVERY_MS = 15_000;
const MIB = 1_024 * 1_024;

/** How much of the node was used over time: jobs, processors and memory. */
export function NodeLoad({ node }: { node: Node }) {
  const [seconds, setSeconds] = useState(HOUR_SECONDS);
  const { nodeId } = node;
  const { value, error, isFirst, refresh } = useData(
    `load ${nodeId} ${seconds}`,
    (signal) => {
      const since = new Date(Date.now() - seconds * 1_000).toISOString();
      const input = { of: { kind: "node", id: nodeId }, since, maxPoints: MAX_POINTS } as const;
      return compute.client.call("stats.series", input, { signal });
    },
    { everyMs: EVERY_MS },
  );
  const ranges = (
    <Choice
      label="How far back"
      options={RANGES}
      value={String(seconds)}
      onChoose={(chosen) => setSeconds(Number(chosen))}
    />
  );
  return (
    <Card title="Load" actions={ranges}>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {isFirst && <Waiting lines={3} label="Loading the load" />}
      {value && <Charts node={node} times={value.at.map((at) => at * 1_000)} columns={value.columns} />}
    </Card>
  );
}

function Charts(props: { node: Node; times: readonly number[]; columns: Columns }) {
  const { node, times, columns } = props;
  const { cpu, memoryMb, slots } = node.capacity;
  const cpuSeries = seriesOf(["Average", columns.cpu], ["Highest", columns.cpuPeak]);
  const memorySeries = seriesOf(
    ["Average", inBytes(columns.memoryMb)],
    ["Highest", inBytes(columns.memoryMbPeak)],
  );
  return (
    <div class="columns loads">
      <Chart
        label={`Jobs, of ${slots} at once`}
        unit="count"
        kind="area"
        times={times}
        series={seriesOf(["Running", columns.running])}
        max={slots}
        empty="No job has run here in this time."
      />
      {cpuSeries.length > 0 && (
        <Chart label="Processors, in cores" unit="number" times={times} series={cpuSeries} max={cpu} />
      )}
      {memorySeries.length > 0 && (
        <Chart label="Memory" unit="bytes" times={times} series={memorySeries} max={memoryMb * MIB} />
      )}
    </div>
  );
}

function seriesOf(...columns: readonly [name: string, values: Columns[keyof Columns]][]): ChartSeries[] {
  return columns.flatMap(([name, values]) => (values ? [{ name, values }] : []));
}

function inBytes(values: Columns[keyof Columns]): Columns[keyof Columns] {
  return values?.map((value) => (value === null ? null : value * MIB));
}
