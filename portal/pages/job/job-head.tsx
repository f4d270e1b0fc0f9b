import type { ComponentChildren } from "preact";
import { formatUsd, isFinal, type Job } from "../../../sdk/index.ts";
import { nameIn, usePeopleNames } from "../../api/names.ts";
import { Chip, PageHead } from "../../ui/blocks.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { counted } from "../../ui/counted.ts";
import { durationText } from "../../ui/duration.ts";
import { Icon } from "../../ui/icon.tsx";
import { titleOf } from "../../ui/job-words.ts";
import { Status } from "../../ui/status.tsx";
import { Ago, nowMs } from "../../ui/time.tsx";
import { JobActions } from "./job-actions.tsx";
import { useNode, useOrigin } from "./related.ts";
import { endOf, indexOf, nodeText } from "./words.ts";

/** Labels beyond these are on the manifest. */
const MAX_CHIPS = 8;

/** What it is, how it stands, and what can be done with it. */
export function JobHead({ job, refresh }: { job: Job; refresh(): void }) {
  const { jobId, arrayId } = job;
  const title = titleOf(job);
  const isCommand = job.name === undefined && job.command !== undefined;
  const index = indexOf(job);
  return (
    <>
      <nav class="job-path quiet" aria-label="Where this job is">
        <a href="/jobs">Jobs</a>
        {arrayId !== undefined && (
          <>
            <Icon name="chevronRight" />
            <a href={`/jobs/${arrayId}`}>Array</a>
          </>
        )}
        <Icon name="chevronRight" />
        <code>{jobId}</code>
        <CopyButton text={jobId} label="Copy the id" />
      </nav>
      <PageHead
        title={
          <span class="job-title">
            <span class={isCommand ? "job-name mono" : "job-name"} title={title}>
              {title}
            </span>
          </span>
        }
        name={title}
        actions={<JobActions job={job} refresh={refresh} />}
      >
        <div class="row wrap job-under">
          <span role="status">
            <JobStatus job={job} />
          </span>
          {index !== undefined && <Chip title="Its index in the array">{`#${index}`}</Chip>}
          <Labels job={job} />
          <Origin job={job} />
        </div>
      </PageHead>
      <Strip job={job} />
    </>
  );
}

function JobStatus({ job }: { job: Job }) {
  const { status, cancelRequestedAt, hold, notBefore } = job;
  const isEnding = cancelRequestedAt !== undefined && !isFinal(status);
  if (isEnding) return <Status of={status} text="Cancelling" />;
  if (
    status === "QUEUED" &&
    hold !== "array" &&
    notBefore !== undefined &&
    Date.parse(notBefore) > nowMs.value
  )
    return <Status of="QUEUED" text={job.attempt > 0 ? "Waits to retry" : "Starts later"} />;
  if (job.reason === "Skipped") return <Status of="SKIPPED" />;
  return <Status of={status} />;
}

function Labels({ job: { labels } }: { job: Job }) {
  const all = Object.entries(labels);
  return (
    <>
      {all.slice(0, MAX_CHIPS).map(([key, value]) => (
        <Chip key={key} title="It runs only on nodes with this label">{`${key}=${value}`}</Chip>
      ))}
      {all.length > MAX_CHIPS && <span class="quiet">and {all.length - MAX_CHIPS} more labels</span>}
    </>
  );
}

/** What made the job, if nobody submitted it directly. */
function Origin({ job }: { job: Job }) {
  const { template, schedule, apiKeyId } = useOrigin(job);
  return (
    <>
      {template && (
        <a class="job-origin" href={template.href}>
          <Icon name="layoutTemplate" />
          <span class="cut">{template.text}</span>
        </a>
      )}
      {schedule && (
        <a class="job-origin" href={schedule.href}>
          <Icon name="calendar" />
          <span class="cut">{schedule.text}</span>
        </a>
      )}
      {apiKeyId && (
        <span class="job-origin quiet" title={`Submitted with the API key ${apiKeyId}`}>
          <Icon name="key" />
          API key
        </span>
      )}
    </>
  );
}

/** The facts that people look for first. */
function Strip({ job }: { job: Job }) {
  const { createdAt, userId, costMicroUsd, array } = job;
  const person = nameIn(usePeopleNames(), userId) ?? userId;
  const end = endOf(job);
  const retries =
    job.maxRetries > 0 && `${job.retryCount} of ${counted(job.maxRetries, "retry", "retries")} used`;
  return (
    <dl class="job-strip card">
      <Fact name="Submitted" more={`by ${person}`}>
        <Ago at={createdAt} />
      </Fact>
      {array === undefined && <Waited job={job} />}
      <Ran job={job} />
      {array === undefined && <OnNode job={job} />}
      {array !== undefined && <Fact name="Indexes">{array}</Fact>}
      {job.attempt > 0 && array === undefined && (
        <Fact name="Attempt" more={retries}>{`${job.attempt}`}</Fact>
      )}
      {end !== undefined && <Fact name="Ended with">{end}</Fact>}
      {costMicroUsd !== undefined && <Fact name="Cost">{formatUsd(costMicroUsd)}</Fact>}
    </dl>
  );
}

function Fact(props: { name: string; more?: ComponentChildren; children: ComponentChildren }) {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd class="value">{props.children}</dd>
      {props.more && <dd class="quiet cut">{props.more}</dd>}
    </div>
  );
}

function Waited({ job }: { job: Job }) {
  const { status, createdAt, assignedAt, finishedAt, attempt } = job;
  // Of a later attempt it is not known when it was queued again.
  if (attempt > 1 && status !== "QUEUED") return null;
  const until = assignedAt ?? (isFinal(status) ? finishedAt : undefined);
  const ms = (until === undefined ? nowMs.value : Date.parse(until)) - Date.parse(createdAt);
  if (attempt > 0 && status === "QUEUED") return null;
  return (
    <Fact name={until === undefined ? "Waiting for" : "Waited"}>
      <span class="number">{durationText(ms)}</span>
    </Fact>
  );
}

function Ran({ job }: { job: Job }) {
  const { status, startedAt, finishedAt } = job;
  if (startedAt === undefined) return null;
  const until = isFinal(status) ? finishedAt : undefined;
  const ms = (until === undefined ? nowMs.value : Date.parse(until)) - Date.parse(startedAt);
  return (
    <Fact
      name={until === undefined ? "Running for" : "Ran for"}
      more={
        <>
          {until === undefined ? "since" : "ended"} <Ago at={until ?? startedAt} />
        </>
      }
    >
      <span class="number">{durationText(ms)}</span>
    </Fact>
  );
}

function OnNode({ job: { nodeId, pool } }: { job: Job }) {
  const node = useNode(nodeId);
  if (nodeId === undefined) return <Fact name="Pool">{pool}</Fact>;
  return (
    <Fact name="Node" more={pool === "default" ? node?.host : `pool ${pool}`}>
      <a href={`/nodes/${nodeId}`}>{nodeText(node, nodeId)}</a>
    </Fact>
  );
}
