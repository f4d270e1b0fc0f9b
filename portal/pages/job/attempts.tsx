import type { Execution, Job } from "../../../sdk/index.ts";
import { durationText } from "../../ui/duration.ts";
import { Status } from "../../ui/status.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Ago, nowMs } from "../../ui/time.tsx";
import { useNode } from "./related.ts";
import { type AttemptSpan, spansOf } from "./spans.ts";
import { endOf, nodeText } from "./words.ts";

interface Row {
  execution: Execution;
  span: AttemptSpan;
}

/** Every attempt on a common time scale, the newest first. */
export function Attempts({ job, executions }: { job: Job; executions: readonly Execution[] }) {
  const spans = spansOf(job, executions, nowMs.value);
  const rows = executions
    .map((execution, i): Row => ({ execution, span: spans[i] as AttemptSpan }))
    .reverse();
  if (rows.length === 0) return <p class="job-none quiet">No node has taken this job yet.</p>;
  return (
    <>
      <Table
        label="Attempts"
        columns={COLUMNS}
        rows={rows}
        keyOf={({ execution }) => execution.executionId}
      />
      <p class="job-legend quiet" aria-hidden="true">
        <i class="bar-wait" /> waited <i class="bar-start" /> starting <i class="bar-run" /> ran
      </p>
    </>
  );
}

const COLUMNS: readonly Column<Row>[] = [
  {
    name: "Attempt",
    cell: ({ execution: { attempt, status, reason } }) => (
      <span class="row wrap">
        <strong class="number">{attempt}</strong>
        <Status of={reason === "NodeLost" ? "LOST" : status} />
      </span>
    ),
  },
  { name: "Node", cell: ({ execution: { nodeId } }) => <NodeName nodeId={nodeId} /> },
  { name: "Time", cell: ({ span }) => <Bar span={span} /> },
  { name: "Ended with", cell: ({ execution }) => <End execution={execution} /> },
  {
    name: "CPU",
    atEnd: true,
    cell: ({ execution: { cpuSeconds } }) => (
      <span class="number">{cpuSeconds === undefined ? "–" : `${cpuSeconds.toFixed(1)} s`}</span>
    ),
  },
  {
    name: "Memory",
    atEnd: true,
    cell: ({ execution: { peakMemoryMb } }) => (
      <span class="number">{peakMemoryMb === undefined ? "–" : `${Math.round(peakMemoryMb)} MiB`}</span>
    ),
  },
];

function NodeName({ nodeId }: { nodeId: string }) {
  const node = useNode(nodeId);
  return (
    <a class="cut" href={`/nodes/${nodeId}`}>
      {nodeText(node, nodeId)}
    </a>
  );
}

function End({ execution }: { execution: Execution }) {
  const { message, finishedAt } = execution;
  const end = endOf(execution) ?? execution.reason;
  if (finishedAt === undefined) return <span class="quiet">–</span>;
  return (
    <span title={message}>
      {end ?? "–"}{" "}
      <span class="quiet">
        <Ago at={finishedAt} />
      </span>
    </span>
  );
}

function Bar({ span }: { span: AttemptSpan }) {
  const { waitMs, startMs, runMs, wait, start, run, isCut, isOpen } = span;
  const parts = [
    waitMs !== undefined && `waited ${durationText(waitMs)}`,
    startMs !== undefined && `starting took ${durationText(startMs)}`,
    runMs !== undefined && `${isOpen ? "runs for" : "ran for"} ${durationText(runMs)}`,
  ].filter((part) => part !== false);
  const width = (share: number) => ({ width: `${(share * 100).toFixed(2)}%` });
  return (
    <span class="job-time">
      <span class="job-bar" title={parts.join(", ")} aria-hidden="true">
        <i class={`bar-wait ${isCut ? "cut-bar" : ""}`} style={width(wait)} />
        <i class="bar-start" style={width(start)} />
        <i class={`bar-run ${isOpen ? "open-bar" : ""}`} style={width(run)} />
      </span>
      <span class="number">{durationText(runMs ?? startMs ?? waitMs ?? 0)}</span>
      <span class="spoken">{parts.join(", ")}</span>
    </span>
  );
}
