import type { ComponentChildren } from "preact";
import type { Job, JobFilter, Node } from "../../../sdk/index.ts";
import { nameIn, useNodeNames } from "../../api/names.ts";
import { compute } from "../../api/session.ts";
import { type Data, useData } from "../../api/use-data.ts";
import { Meter } from "../../charts/small.tsx";
import { Card, Trouble, Waiting } from "../../ui/blocks.tsx";
import { numberText } from "../../ui/counted.ts";
import { shortId, titleOf, whyOf } from "../../ui/job-words.ts";
import { Status } from "../../ui/status.tsx";
import { Ago, Took } from "../../ui/time.tsx";

const ROWS = 6;
/** The jobs of an array are in the list as well as the array, which is left out. */
const FETCHED = 16;
const NODES = 12;
/** What runs on a node changes without a change of the node. */
const NODES_EVERY_MS = 10_000;

export function RunningNow() {
  const data = useJobs({ status: ["RUNNING", "ASSIGNED"] });
  const nodes = useNodeNames();
  return (
    <JobList title="Running now" href="/jobs?status=ASSIGNED%2CRUNNING" data={data} none="Nothing runs now.">
      {(job) => (
        <>
          <JobLine job={job}>
            {job.nodeId !== undefined && (
              <>
                on <a href={`/nodes/${job.nodeId}`}>{nameIn(nodes, job.nodeId) ?? shortId(job.nodeId)}</a>
              </>
            )}
          </JobLine>
          <span class="quiet">
            {job.startedAt === undefined ? <Status of={job.status} /> : <Took since={job.startedAt} />}
          </span>
        </>
      )}
    </JobList>
  );
}

export function RecentFailures() {
  const data = useJobs({ status: ["FAILED", "TIMEOUT"] });
  return (
    <JobList
      title="Recent failures"
      href="/jobs?status=FAILED%2CTIMEOUT"
      data={data}
      none="No job has failed. Those that do appear here, with the reason."
    >
      {(job) => (
        <>
          <JobLine job={job}>{whyOf(job)}</JobLine>
          <span class="when quiet">
            <Status of={job.status} />
            {job.finishedAt !== undefined && <Ago at={job.finishedAt} />}
          </span>
        </>
      )}
    </JobList>
  );
}

function JobLine({ job, children }: { job: Job; children: ComponentChildren }) {
  const title = titleOf(job);
  return (
    <div class="job-line">
      <a class="cut strong" href={`/jobs/${job.jobId}`} title={title}>
        {title}
      </a>
      <div class="cut quiet">{children}</div>
    </div>
  );
}

function useJobs(filter: JobFilter): Data<readonly Job[]> {
  return useData(
    JSON.stringify(filter),
    async (signal) => {
      const { jobs } = await compute.client.call("jobs.list", { ...filter, limit: FETCHED }, { signal });
      return jobs.filter(({ array }) => array === undefined).slice(0, ROWS);
    },
    { topics: ["jobs"] },
  );
}

function JobList(props: {
  title: string;
  /** All of them. */
  href: string;
  data: Data<readonly Job[]>;
  none: string;
  children(job: Job): ComponentChildren;
}) {
  const { title, href, data, none, children } = props;
  const { value, error, refresh } = data;
  return (
    <Card title={title} actions={<a href={href}>Show all</a>} isFlush>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {value === undefined && error === undefined && <Waiting lines={3} label={`Loading: ${title}`} />}
      {value?.length === 0 && <p class="none quiet">{none}</p>}
      <ul class="lines">
        {value?.map((job) => (
          <li key={job.jobId}>{children(job)}</li>
        ))}
      </ul>
    </Card>
  );
}

/** The machines, and how busy each is. */
export function NodesNow() {
  const { value, error, refresh } = useData(
    "nodes now",
    async (signal) => (await compute.client.call("nodes.list", { limit: NODES }, { signal })).nodes,
    { topics: ["nodes"], everyMs: NODES_EVERY_MS },
  );
  return (
    <Card title="Nodes" actions={<a href="/nodes">Show all</a>} isFlush>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {value === undefined && error === undefined && <Waiting lines={2} label="Loading the nodes" />}
      <ul class="lines nodes-now">
        {value?.map((node) => (
          <NodeLine key={node.nodeId} node={node} />
        ))}
      </ul>
    </Card>
  );
}

function NodeLine({ node: { nodeId, name, status, refusing, runningExecutions, capacity } }: { node: Node }) {
  const { slots } = capacity;
  return (
    <li>
      <div class="job-line">
        <a class="cut strong" href={`/nodes/${nodeId}`} title={name}>
          {name}
        </a>
        {refusing !== undefined && (
          <div class="cut quiet" title={refusing}>
            Takes no jobs: {refusing}
          </div>
        )}
      </div>
      <Status of={status} />
      <Meter
        label="Slots in use"
        value={runningExecutions}
        max={slots}
        text={`${numberText(runningExecutions)} of ${numberText(slots)}`}
      />
    </li>
  );
}
