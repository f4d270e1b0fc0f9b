import { useState } from "preact/hooks";
import { type CreditSpend, formatUsd } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Chart } from "../../charts/chart.tsx";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Choice } from "../../ui/choice.tsx";
import { type Column, Table } from "../../ui/table.tsx";

const DAYS = 30;
const DAY_MS = 86_400_000;
const LISTED = 5;
const MICRO_USD_PER_USD = 1_000_000;

type JobOfSpend = CreditSpend["jobs"][number];
type TemplateOfSpend = CreditSpend["templates"][number];

interface Shown extends CreditSpend {
  /** The first moments of the days that are shown, in epoch milliseconds, oldest first. In UTC, as months of credit are. */
  daysMs: readonly number[];
}

/** What was spent per day, and on what most. */
export function SpendCard() {
  const { value, error, isFirst, refresh } = useData("spend", fetchSpend, { topics: ["credits"] });
  return (
    <Card
      title={`Spent in ${DAYS} days`}
      actions={value && <strong class="number">{formatUsd(value.costMicroUsd)}</strong>}
    >
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {isFirst && <Waiting lines={3} label="Adding up what was spent" />}
      {value && (
        <div class="columns spend">
          <Chart
            label="Per day, in UTC"
            unit="usd"
            kind="bars"
            times={value.daysMs}
            series={[{ name: "Spent", values: dollarsOf(value) }]}
          />
          <Most spend={value} />
        </div>
      )}
      {value?.more && (
        <p class="quiet">There were so many jobs that the oldest of these days are not complete here.</p>
      )}
    </Card>
  );
}

function Most({ spend: { jobs, templates } }: { spend: CreditSpend }) {
  const [of, setOf] = useState<MostOf>("jobs");
  if (jobs.length === 0) return <p class="quiet">No job has cost anything in this time.</p>;
  return (
    <div>
      <div class="row apart">
        <h3>What cost most</h3>
        {templates.length > 0 && (
          <Choice<MostOf> label="What cost most" options={MOST_OF} value={of} onChoose={setOf} />
        )}
      </div>
      {of === "jobs" ? (
        <Table<JobOfSpend>
          label="Jobs that cost most"
          rows={jobs.slice(0, LISTED)}
          keyOf={({ jobId }) => jobId}
          columns={[
            { name: "Job", cell: ({ jobId, name }) => <To href={`/jobs/${jobId}`} id={jobId} name={name} /> },
            ...SPENT,
          ]}
        />
      ) : (
        <Table<TemplateOfSpend>
          label="Templates that cost most"
          rows={templates.slice(0, LISTED)}
          keyOf={({ templateId }) => templateId}
          columns={[
            {
              name: "Template",
              cell: ({ templateId, name }) => (
                <To href={`/templates/${templateId}`} id={templateId} name={name} />
              ),
            },
            ...SPENT,
          ]}
        />
      )}
    </div>
  );
}

const MOST_OF = [
  { value: "jobs", text: "Jobs" },
  { value: "templates", text: "Templates" },
] as const;
type MostOf = (typeof MOST_OF)[number]["value"];

const SPENT: readonly Column<Pick<JobOfSpend, "executions" | "costMicroUsd">>[] = [
  {
    name: "Attempts",
    atEnd: true,
    cell: ({ executions }) => <span class="number">{executions}</span>,
  },
  {
    name: "Cost",
    atEnd: true,
    cell: ({ costMicroUsd }) => <span class="number">{formatUsd(costMicroUsd)}</span>,
  },
];

/** By its name, or by its id if it has none. */
function To({ href, id, name }: { href: string; id: string; name: string | undefined }) {
  return (
    <div class="cut" title={name ?? id}>
      <a href={href}>{name ?? <code>{id}</code>}</a>
    </div>
  );
}

async function fetchSpend(signal: AbortSignal): Promise<Shown> {
  const todayMs = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  const daysMs = Array.from({ length: DAYS }, (_, i) => todayMs - (DAYS - 1 - i) * DAY_MS);
  const since = new Date(todayMs - (DAYS - 1) * DAY_MS).toISOString();
  return { ...(await compute.client.call("credits.spend", { since }, { signal })), daysMs };
}

/** What was spent on each day, also on those without a cost. */
function dollarsOf({ days, daysMs }: Shown): number[] {
  const costs = new Map(days.map(({ day, costMicroUsd }) => [Date.parse(day), costMicroUsd]));
  return daysMs.map((dayMs) => (costs.get(dayMs) ?? 0) / MICRO_USD_PER_USD);
}
