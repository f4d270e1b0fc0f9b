import { useState } from "preact/hooks";
import type { Execution, Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Chart } from "../../charts/chart.tsx";
import { Card, Trouble } from "../../ui/blocks.tsx";
import { Choice } from "../../ui/choice.tsx";

/** While the attempt runs, its curves are read again this often. */
const LIVE_MS = 5_000;
const MAX_POINTS = 300;
/** So many of the last attempts can be chosen. */
const MAX_CHOICES = 6;

/** CPU and memory of an attempt over time; of the last one, unless another is chosen. `executions` are not empty. */
export function Usage({ job, executions }: { job: Job; executions: readonly Execution[] }) {
  const [chosen, setChosen] = useState<string>();
  const execution = executions.find(({ executionId }) => executionId === chosen) ?? executions.at(-1);
  if (!execution) return null;
  const options = executions
    .slice(-MAX_CHOICES)
    .map(({ executionId, attempt }) => ({ value: executionId, text: `${attempt}` }));
  return (
    <Card
      title="CPU and memory"
      actions={
        options.length > 1 && (
          <Choice label="Attempt" options={options} value={execution.executionId} onChoose={setChosen} />
        )
      }
    >
      <Curves key={execution.executionId} job={job} execution={execution} />
    </Card>
  );
}

function Curves({ job: { resources }, execution }: { job: Job; execution: Execution }) {
  const { executionId, finishedAt } = execution;
  const isLive = finishedAt === undefined;
  const { value, error, refresh } = useData(
    `usage of ${executionId} ${isLive}`,
    (signal) =>
      compute.stats.series({ of: { kind: "execution", id: executionId }, maxPoints: MAX_POINTS }, { signal }),
    isLive ? { everyMs: LIVE_MS } : {},
  );
  if (!value && error !== undefined) return <Trouble error={error} onRetry={refresh} />;
  const { cpu = [], cpuPeak, memoryMb = [] } = value?.columns ?? {};
  const times = (value?.at ?? []).map((seconds) => seconds * 1_000);
  const isEmpty = ![...cpu, ...memoryMb].some((one) => one !== null);
  if (isEmpty && !isLive && value) return <p class="quiet">It was over before anything was measured.</p>;
  const empty = "The first values appear here after some seconds.";
  return (
    <div class="columns">
      <Chart
        label="CPU cores in use"
        unit="number"
        times={times}
        series={[
          { name: "Average", values: cpu },
          ...(cpuPeak ? [{ name: "Highest", values: cpuPeak }] : []),
        ]}
        max={resources.cpu || undefined}
        empty={empty}
      />
      <Chart
        label="Memory in use"
        unit="mib"
        times={times}
        series={[{ name: "Memory", values: memoryMb }]}
        max={resources.memoryMb || undefined}
        empty={empty}
      />
    </div>
  );
}
