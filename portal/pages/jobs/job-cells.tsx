import type { Job } from "../../../sdk/index.ts";
import { type Named, nameIn } from "../../api/names.ts";
import { shortId, titleOf, whyOf } from "../../ui/job-words.ts";
import { Ago, Took } from "../../ui/time.tsx";

export interface Names {
  nodes: readonly Named[];
  people: readonly Named[];
}

/** Its name, which leads to its page, and below it its id and why it waits or how it ended. */
export function JobName({ job }: { job: Job }) {
  const title = titleOf(job);
  const why = whyOf(job);
  return (
    <div class="listed-name">
      <div class="row">
        <a class="listed-link cut" href={`/jobs/${job.jobId}`} title={title}>
          {title}
        </a>
        {job.array !== undefined && <span class="chip number">array {job.array}</span>}
      </div>
      <div class="cut quiet listed-more">
        <span class="mono" title={job.jobId}>
          {shortId(job.jobId)}
        </span>
        {why !== undefined && <span title={why}> · {why}</span>}
      </div>
    </div>
  );
}

export function NodeOf({ job: { nodeId }, names }: { job: Job; names: Names }) {
  if (nodeId === undefined) return <span class="nothing quiet">–</span>;
  const name = nameIn(names.nodes, nodeId);
  return (
    <a class="cut block" href={`/nodes/${nodeId}`} title={name ?? nodeId}>
      {name ?? shortId(nodeId)}
    </a>
  );
}

/** How long it was queued. When a retry was queued is not known. */
export function Waited({ job }: { job: Job }) {
  const { status, attempt, createdAt, notBefore, assignedAt, startedAt, array, finishedAt } = job;
  if (array !== undefined || attempt > 1 || (status === "QUEUED" && attempt > 0))
    return <span class="nothing quiet">–</span>;
  const until = assignedAt ?? startedAt ?? finishedAt;
  const since = notBefore !== undefined && notBefore > createdAt ? notBefore : createdAt;
  return <Took since={since} until={until} />;
}

export function Ran({ job: { startedAt, finishedAt, status } }: { job: Job }) {
  if (startedAt === undefined || status === "QUEUED") return <span class="nothing quiet">–</span>;
  return <Took since={startedAt} until={finishedAt} />;
}

export function Submitted({
  job: { createdAt, userId, scheduleId, templateId },
  names,
}: {
  job: Job;
  names: Names;
}) {
  const name = nameIn(names.people, userId) ?? shortId(userId);
  const way =
    scheduleId !== undefined ? "by a schedule of" : templateId !== undefined ? "from a template by" : "by";
  return (
    <div class="listed-by">
      <Ago at={createdAt} />
      <div class="cut quiet" title={name}>
        {way} {name}
      </div>
    </div>
  );
}
