import { type CreditEntry, formatUsd } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Chart } from "../../charts/chart.tsx";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Table } from "../../ui/table.tsx";
import { firstOfDays, type JobOfSpend, type Spend, spendOf } from "./spend.ts";

const DAYS = 30;
const PAGE_SIZE = 500;
const MAX_PAGES = 8;
const LISTED_JOBS = 5;
const MICRO_USD_PER_USD = 1_000_000;

interface Shown extends Spend {
  /** The names of the jobs that are listed. */
  names: ReadonlyMap<string, string | undefined>;
  /** There were more entries in this time than were read: the oldest are missing. */
  isCut: boolean;
}

/** What was spent per day, and on which jobs most. */
export function SpendCard() {
  const { value, error, isFirst, refresh } = useData("spend", fetchSpend, { topics: ["credits"] });
  return (
    <Card
      title={`Spent in ${DAYS} days`}
      actions={value && <strong class="number">{formatUsd(value.totalMicroUsd)}</strong>}
    >
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {isFirst && <Waiting lines={3} label="Adding up what was spent" />}
      {value && (
        <div class="columns spend">
          <Chart
            label="Per day, in UTC"
            unit="usd"
            kind="bars"
            times={value.days.map(({ atMs }) => atMs)}
            series={[
              {
                name: "Spent",
                values: value.days.map(({ costMicroUsd }) => costMicroUsd / MICRO_USD_PER_USD),
              },
            ]}
          />
          <Jobs shown={value} />
        </div>
      )}
      {value?.isCut && (
        <p class="quiet">There were so many jobs that the oldest of these days are not complete here.</p>
      )}
    </Card>
  );
}

function Jobs({ shown: { jobs, names } }: { shown: Shown }) {
  if (jobs.length === 0) return <p class="quiet">No job has cost anything in this time.</p>;
  return (
    <div>
      <h3>What cost most</h3>
      <Table<JobOfSpend>
        label="Jobs that cost most"
        rows={jobs.slice(0, LISTED_JOBS)}
        keyOf={({ jobId }) => jobId}
        columns={[
          {
            name: "Job",
            cell: ({ jobId }) => (
              <div class="cut" title={names.get(jobId) ?? jobId}>
                <a href={`/jobs/${jobId}`}>{names.get(jobId) ?? <code>{jobId}</code>}</a>
              </div>
            ),
          },
          {
            name: "Attempts",
            atEnd: true,
            cell: ({ attempts }) => <span class="number">{attempts}</span>,
          },
          {
            name: "Cost",
            atEnd: true,
            cell: ({ costMicroUsd }) => <span class="number">{formatUsd(costMicroUsd)}</span>,
          },
        ]}
      />
    </div>
  );
}

async function fetchSpend(signal: AbortSignal): Promise<Shown> {
  const nowMs = Date.now();
  const sinceMs = firstOfDays(DAYS, nowMs);
  const since = new Date(sinceMs).toISOString();
  const entries: CreditEntry[] = [];
  let cursor: string | undefined;
  for (let page = 0; page < MAX_PAGES; page++) {
    const input = { since, limit: PAGE_SIZE, cursor };
    const answer = await compute.client.call("credits.ledger", input, { signal });
    entries.push(...answer.entries);
    cursor = answer.nextCursor;
    if (cursor === undefined) break;
  }
  const spend = spendOf(entries, sinceMs, nowMs);
  return {
    ...spend,
    names: await namesOf(spend.jobs.slice(0, LISTED_JOBS), signal),
    isCut: cursor !== undefined,
  };
}

async function namesOf(jobs: readonly JobOfSpend[], signal: AbortSignal) {
  const pairs = jobs.map(async ({ jobId }) => {
    // A job that was deleted has no name.
    const job = await compute.client.call("jobs.retrieve", { jobId }, { signal }).catch(() => undefined);
    return [jobId, job?.name] as const;
  });
  return new Map(await Promise.all(pairs));
}
