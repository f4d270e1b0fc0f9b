import type { Execution } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { Card } from "../../ui/blocks.tsx";
import { durationText } from "../../ui/duration.ts";
import { PagedTable } from "../../ui/list.tsx";
import { Status } from "../../ui/status.tsx";
import type { Column } from "../../ui/table.tsx";
import { Ago, Took } from "../../ui/time.tsx";
import { coresInWords, memoryInWords } from "./node-parts.tsx";

const PAGE_SIZE = 10;
const LIVE = ["ASSIGNED", "RUNNING"] as const;
const OVER = ["SUCCEEDED", "FAILED", "CANCELLED"] as const;

/** What runs on the node now, and what ran there before. */
export function NodeJobs({ nodeId }: { nodeId: string }) {
  return (
    <>
      <Attempts
        title="Running now"
        nodeId={nodeId}
        status={LIVE}
        none="Nothing runs here now."
        columns={[job, state, asked, started, took]}
      />
      <Attempts
        title="Recent"
        nodeId={nodeId}
        status={OVER}
        none="Nothing has run here yet."
        columns={[job, state, ended, took, used]}
      />
    </>
  );
}

interface AttemptsProps {
  title: string;
  nodeId: string;
  status: readonly Execution["status"][];
  none: string;
  columns: readonly Column<Execution>[];
}

function Attempts({ title, nodeId, status, none, columns }: AttemptsProps) {
  const list = usePages<Execution>(
    `attempts ${nodeId} ${status.join()}`,
    async (cursor, signal) => {
      const input = { nodeId, status: [...status], limit: PAGE_SIZE, cursor };
      const { executions, nextCursor } = await compute.client.call("executions.list", input, { signal });
      await learnNames(executions, signal);
      return { rows: executions, nextCursor };
    },
    { topics: ["jobs"], keyOf: (one) => one.executionId },
  );
  return (
    <Card title={title} isFlush>
      <PagedTable
        label={title}
        pages={list}
        columns={columns}
        keyOf={(one) => one.executionId}
        empty={<p class="body quiet">{none}</p>}
      />
    </Card>
  );
}

/** By job; they never change. */
const names = new Map<string, string | undefined>();
const MAX_NAMES = 1_000;

/** The names of their jobs, as far as they are not known yet. */
async function learnNames(executions: readonly Execution[], signal: AbortSignal | undefined): Promise<void> {
  if (names.size > MAX_NAMES) names.clear();
  const unknown = new Set(executions.map(({ jobId }) => jobId).filter((jobId) => !names.has(jobId)));
  await Promise.all(
    [...unknown].map(async (jobId) => {
      const { name } = await compute.client
        // A job that was deleted has no name.
        .call("jobs.retrieve", { jobId }, { signal })
        .catch(() => ({ name: undefined }));
      names.set(jobId, name);
    }),
  );
}

const job: Column<Execution> = {
  name: "Job",
  cell: (one) => (
    <span class="cut ran-job" title={names.get(one.jobId) ?? one.jobId}>
      <a href={`/jobs/${one.jobId}`}>{names.get(one.jobId) ?? <code>{one.jobId}</code>}</a>
      {one.attempt > 1 && <span class="quiet"> attempt {one.attempt}</span>}
    </span>
  ),
};

const state: Column<Execution> = { name: "State", cell: (one) => <Status of={one.status} /> };

const asked: Column<Execution> = {
  name: "Asked for",
  cell: ({ resources: { cpu, memoryMb }, gpuIndexes }) => {
    const parts = [
      ...(cpu > 0 ? [coresInWords(cpu)] : []),
      ...(memoryMb > 0 ? [memoryInWords(memoryMb)] : []),
      ...(gpuIndexes.length > 0 ? [`GPU ${gpuIndexes.join(", ")}`] : []),
    ];
    return <span class="number">{parts.join(" · ") || "nothing"}</span>;
  },
};

const started: Column<Execution> = {
  name: "Started",
  cell: (one) => <Ago at={one.startedAt ?? one.assignedAt} />,
};

const ended: Column<Execution> = {
  name: "Ended",
  cell: (one) => <Ago at={one.finishedAt ?? one.assignedAt} />,
};

const took: Column<Execution> = {
  name: "Took",
  atEnd: true,
  cell: (one) =>
    one.startedAt === undefined ? (
      <span class="quiet">did not start</span>
    ) : (
      <Took since={one.startedAt} until={one.finishedAt} />
    ),
};

const used: Column<Execution> = {
  name: "Used",
  atEnd: true,
  cell: ({ cpuSeconds, peakMemoryMb }) => (
    <span class="number">
      {[
        ...(cpuSeconds === undefined ? [] : [`${durationText(cpuSeconds * 1_000)} CPU`]),
        ...(peakMemoryMb === undefined ? [] : [memoryInWords(Math.round(peakMemoryMb))]),
      ].join(" · ") || "–"}
    </span>
  ),
};
