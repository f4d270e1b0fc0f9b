import { useState } from "preact/hooks";
import { isFinal, type Job, type JobStatus, jobStatuses } from "../../../sdk/index.ts";
import { recall, remember } from "../../api/remember.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Choice } from "../../ui/choice.tsx";
import { Status, StatusSign } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Took } from "../../ui/time.tsx";
import "./array.css";
import { endOf, indexOf } from "./words.ts";

/** Jobs on one page: as many cells as a screen holds. */
const PAGE_JOBS = 200;
/** While the array runs, the page is read again this often. */
const LIVE_MS = 3_000;

const LOOKS = [
  { value: "grid", text: "Grid" },
  { value: "list", text: "List" },
] as const;

/** The jobs of an array: how many are in each state, and a page of them. */
export function ArrayPart({ array }: { array: Job }) {
  const [status, setStatus] = useState<JobStatus>();
  const counts = array.jobsByStatus ?? {};
  return (
    <div class="stack">
      <Counts counts={counts} chosen={status} choose={setStatus} />
      <Page key={status} array={array} status={status} total={totalOf(counts, status)} />
    </div>
  );
}

type CountsByStatus = NonNullable<Job["jobsByStatus"]>;

function totalOf(counts: CountsByStatus, status: JobStatus | undefined): number {
  if (status !== undefined) return counts[status] ?? 0;
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

interface CountsProps {
  counts: CountsByStatus;
  chosen: JobStatus | undefined;
  choose(status: JobStatus | undefined): void;
}

/** A bar with every state's share; below it the numbers, which filter the page. */
function Counts({ counts, chosen, choose }: CountsProps) {
  const all = totalOf(counts, undefined);
  const present = jobStatuses.filter((status) => (counts[status] ?? 0) > 0);
  const numbers = new Intl.NumberFormat("en");
  return (
    <Card>
      <div class="array-bar" aria-hidden="true">
        {present.map((status) => (
          <i key={status} class={status} style={{ flexGrow: counts[status] ?? 0 }} />
        ))}
      </div>
      <fieldset class="array-counts">
        <legend class="spoken">Show the jobs in one state</legend>
        <button type="button" aria-pressed={chosen === undefined} onClick={() => choose(undefined)}>
          All <strong class="number">{numbers.format(all)}</strong>
        </button>
        {present.map((status) => (
          <button
            key={status}
            type="button"
            aria-pressed={chosen === status}
            onClick={() => choose(chosen === status ? undefined : status)}
          >
            <Status of={status} /> <strong class="number">{numbers.format(counts[status] ?? 0)}</strong>
          </button>
        ))}
      </fieldset>
    </Card>
  );
}

interface PageProps {
  array: Job;
  status: JobStatus | undefined;
  total: number;
}

function Page({ array, status, total }: PageProps) {
  const { jobId } = array;
  /** The cursors of this page and those before it; the first page has none. */
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const [look, setLook] = useState<"grid" | "list">(recall("array-look") ?? "grid");
  const cursor = cursors.at(-1);
  const isLive = !isFinal(array.status);
  const { value, error, refresh } = useData(
    `array ${jobId} ${status} ${cursor}`,
    (signal) => {
      const filter = { arrayId: jobId, limit: PAGE_JOBS, cursor, ...(status && { status: [status] }) };
      return compute.client.call("jobs.list", filter, { signal });
    },
    { topics: ["jobs"], ids: [jobId], ...(isLive && { everyMs: LIVE_MS }) },
  );
  if (!value)
    return error === undefined ? (
      <Waiting label="Loading the jobs" />
    ) : (
      <Trouble error={error} onRetry={refresh} />
    );
  const { jobs, nextCursor } = value;
  const first = cursors.length * PAGE_JOBS;
  const choose = (chosen: "grid" | "list") => {
    setLook(chosen);
    remember("array-look", chosen);
  };
  const range = jobs.length === 0 ? "0" : `${first + 1}–${first + jobs.length}`;
  return (
    <Card
      title="Jobs"
      actions={<Choice label="How they are shown" options={LOOKS} value={look} onChoose={choose} />}
      isFlush
    >
      {look === "grid" ? <Grid jobs={jobs} /> : <List jobs={jobs} />}
      <div class="array-pages">
        <span class="quiet number" aria-live="polite">
          {range} of {Math.max(total, first + jobs.length).toLocaleString("en")}
        </span>
        <Button
          icon="chevronLeft"
          label="Earlier jobs"
          disabled={cursors.length === 0}
          onClick={() => setCursors(cursors.slice(0, -1))}
        />
        <Button
          icon="chevronRight"
          label="Later jobs"
          disabled={nextCursor === undefined}
          onClick={() => nextCursor !== undefined && setCursors([...cursors, nextCursor])}
        />
      </div>
    </Card>
  );
}

function Grid({ jobs }: { jobs: readonly Job[] }) {
  if (jobs.length === 0) return <None />;
  return (
    <ul class="array-grid">
      {jobs.map((job) => (
        <li key={job.jobId}>
          <a href={`/jobs/${job.jobId}`} class={job.status} title={job.message}>
            <StatusSign of={job.status} />
            {indexOf(job)}
          </a>
        </li>
      ))}
    </ul>
  );
}

function None() {
  return <p class="quiet job-none">No job of this array is in this state now.</p>;
}

const COLUMNS: readonly Column<Job>[] = [
  {
    name: "Index",
    cell: (job) => (
      <a class="number" href={`/jobs/${job.jobId}`}>
        {indexOf(job)}
      </a>
    ),
  },
  { name: "State", cell: ({ status }) => <Status of={status} /> },
  { name: "Attempt", atEnd: true, cell: ({ attempt }) => <span class="number">{attempt}</span> },
  {
    name: "Ran for",
    atEnd: true,
    cell: ({ startedAt, finishedAt }) =>
      startedAt === undefined ? "–" : <Took since={startedAt} until={finishedAt} />,
  },
  {
    name: "Ended with",
    cell: (job) => (
      <span class="cut" title={job.message}>
        {endOf(job) ?? job.reason ?? "–"}
      </span>
    ),
  },
];

function List({ jobs }: { jobs: readonly Job[] }) {
  if (jobs.length === 0) return <None />;
  return <Table label="Jobs of this array" columns={COLUMNS} rows={jobs} keyOf={({ jobId }) => jobId} />;
}
