import "./jobs.css";
import { useEffect, useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { Job } from "../../../sdk/index.ts";
import { useNodeNames, usePeopleNames } from "../../api/names.ts";
import { mayI } from "../../api/whoami.ts";
import { Card, Code, Empty, PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Icon } from "../../ui/icon.tsx";
import { useKeys } from "../../ui/keys.tsx";
import { BulkBar } from "./bulk.tsx";
import { Filters } from "./filters.tsx";
import type { Names } from "./job-cells.tsx";
import { JobsTable } from "./jobs-table.tsx";
import { addressOf, isFiltered, type JobQuery, readQuery } from "./query.ts";
import { nothingSelected, toggle } from "./selection.ts";
import { type JobList, useJobList } from "./use-job-list.ts";
import { Views } from "./views.tsx";

export default function JobsPage() {
  const { url } = useLocation();
  const query = readQuery(new URLSearchParams(url.split("?")[1] ?? ""));
  const address = addressOf(query);
  const names: Names = { nodes: useNodeNames(), people: usePeopleNames() };
  const list = useJobList(query);
  const mayRun = mayI("jobs.run");
  return (
    <>
      <PageHead title="Jobs" />
      <Views address={address} />
      <Filters query={query} names={names} />
      <List key={address} {...{ query, list, names, mayRun }} />
    </>
  );
}

interface ListProps {
  query: JobQuery;
  list: JobList;
  names: Names;
  mayRun: boolean;
}

function List({ query, list, names, mayRun }: ListProps) {
  const { rows, error, refresh, newCount, showNew } = list;
  const [selection, setSelection] = useState(nothingSelected);
  useJobKeys((jobId) => mayRun && setSelection((before) => toggle(before, rows ?? [], jobId)));
  useEffect(() => {
    if (rows?.length === 0) setSelection(nothingSelected);
  }, [rows?.length === 0]);
  if (rows === undefined && error === undefined) return <Waiting lines={8} label="Loading the jobs" />;
  return (
    <div class="stack">
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {newCount > 0 && (
        <div class="new-jobs">
          <Button look="main" icon="chevronUp" onClick={showNew}>
            {newCount} new {newCount === 1 ? "job" : "jobs"}
          </Button>
        </div>
      )}
      {mayRun && rows && (
        <BulkBar
          {...{ query, rows, selection }}
          hasMore={list.hasMore || list.isFull}
          onSelect={setSelection}
        />
      )}
      {rows?.length === 0 && !list.hasMore && <Nothing query={query} mayRun={mayRun} />}
      {rows && rows.length > 0 && (
        <Card isFlush>
          <JobsTable
            rows={rows}
            names={names}
            selection={mayRun ? selection : undefined}
            onSelect={setSelection}
          />
        </Card>
      )}
      <End query={query} list={list} />
    </div>
  );
}

function End({ query, list: { rows, hasMore, isFull, more } }: { query: JobQuery; list: JobList }) {
  const last = rows?.at(-1);
  if (hasMore)
    return (
      <p class="row">
        <Button onClick={more}>Load more</Button>
      </p>
    );
  if (!isFull || !last) return null;
  const until = new Date(Date.parse(last.createdAt)).toISOString();
  return (
    <p class="row wrap quiet">
      These are the newest {rows?.length.toLocaleString("en")}.{" "}
      <a href={addressOf({ ...query, until })}>Go on with older jobs</a>
    </p>
  );
}

function Nothing({ query, mayRun }: { query: JobQuery; mayRun: boolean }) {
  if (isFiltered(query))
    return (
      <Empty icon="search" title="No job matches">
        <p>No job has all of these filters. Jobs that begin to match appear here by themselves.</p>
        <a class="button" href="/jobs">
          Clear the filters
        </a>
      </Empty>
    );
  return (
    <Empty icon="terminal" title="No job yet">
      <p>
        A job is a command that runs on one of your nodes. Submit one here, or in a shell that is signed in;
        its output and its result come back to both.
      </p>
      {mayRun && (
        <>
          <a class="button main" href="/submit">
            <Icon name="plus" />
            Submit a job
          </a>
          <Code text="tanvrit-compute job run -- sh -c 'uname -a; nproc'" label="Copy the command" />
        </>
      )}
    </Empty>
  );
}

/** The links of the list take the focus one after the other, so Enter opens, and the ring says which one it is. */
function useJobKeys(onToggle: (jobId: Job["jobId"]) => void): void {
  useKeys("Jobs", [
    { keys: "j", does: "Next job", act: () => moveFocus(1) },
    { keys: "k", does: "Previous job", act: () => moveFocus(-1) },
    {
      keys: "x",
      does: "Select the job",
      act: () => {
        const jobId = document.activeElement?.closest<HTMLElement>("tr[data-job]")?.dataset.job;
        if (jobId !== undefined) onToggle(jobId);
      },
    },
    {
      keys: "Enter",
      does: "Open the job",
      act: () => (document.activeElement as HTMLElement | null)?.click(),
    },
    { keys: "/", does: "Search", act: () => document.getElementById("job-search")?.focus() },
  ]);
}

function moveFocus(step: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>(".jobs-table tr[data-job] .listed-link")];
  const row = document.activeElement?.closest("tr[data-job]");
  const at = links.findIndex((link) => row?.contains(link) === true);
  const next = links[at < 0 ? 0 : at + step];
  next?.focus();
  next?.closest("tr")?.scrollIntoView({ block: "nearest" });
}
