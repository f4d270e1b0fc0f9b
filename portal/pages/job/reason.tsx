import { type EndpointOutput, isFinal, type Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { counted } from "../../ui/counted.ts";
import { durationText } from "../../ui/duration.ts";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Status } from "../../ui/status.tsx";
import { nowMs, When } from "../../ui/time.tsx";
import { OtherJobs } from "./other-jobs.tsx";
import { hashOfStep } from "./run-tree.tsx";
import { failureOf } from "./words.ts";

/** How often it is asked what a job waits for, besides every change of jobs and nodes. */
const ASK_MS = 10_000;

type Why = EndpointOutput<"jobs.why">;

/** Why the job waits or failed, and what to do about it. Nothing for a job that runs or succeeded. */
export function Reason({ job }: { job: Job }) {
  if (job.status === "QUEUED" && job.cancelRequestedAt === undefined && job.array === undefined)
    return <Queued job={job} />;
  if (job.cancelRequestedAt !== undefined && !isFinal(job.status)) return <Cancelling job={job} />;
  const failure = failureOf(job);
  if (failure)
    return (
      <Callout tone="bad" icon="circleX" title={failure.title}>
        {job.message !== undefined && <p class="job-message">{sentence(job.message)}</p>}
        <FailedSteps job={job} />
        <p class="quiet">{failure.todo}</p>
      </Callout>
    );
  if (job.status === "CANCELLED")
    return (
      <Callout
        tone="still"
        icon="ban"
        title={job.cancelRequestedAt ? "Somebody cancelled it" : "It was cancelled"}
      >
        {job.message !== undefined && <p class="job-message">{sentence(job.message)}</p>}
      </Callout>
    );
  return null;
}

/** More failed steps than these are in the tree. */
const MAX_STEPS = 5;

/** Links to where the log says why a workflow failed. */
function FailedSteps({ job: { jobId, workflowRun } }: { job: Job }) {
  const failed = (workflowRun?.jobs ?? []).flatMap((job) =>
    job.steps.filter(({ conclusion }) => conclusion === "failure").map((step) => ({ job, step })),
  );
  if (failed.length === 0) return null;
  return (
    <ul class="job-links">
      {failed.slice(0, MAX_STEPS).map(({ job, step }) => (
        <li key={`${job.key} ${step.number}`}>
          <a href={`/jobs/${jobId}${hashOfStep(job, step)}`}>
            {job.name} · {step.name}
          </a>
        </li>
      ))}
    </ul>
  );
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

interface CalloutProps {
  tone: "bad" | "warn" | "still";
  /** It counts down; read aloud every second, that would be a flood. */
  isCounting?: boolean;
  icon: IconName;
  title: preact.ComponentChildren;
  children?: preact.ComponentChildren;
}

export function Callout({ tone, icon, title, isCounting = false, children }: CalloutProps) {
  return (
    <section class={`callout ${tone}`} aria-live={isCounting ? "off" : "polite"}>
      <Icon name={icon} />
      <div class="stack">
        <h2>{title}</h2>
        {children}
      </div>
    </section>
  );
}

function Cancelling({ job: { cancelRequestedAt, graceSeconds } }: { job: Job }) {
  const leftMs = Date.parse(cancelRequestedAt ?? "") + graceSeconds * 1_000 - nowMs.value;
  return (
    <Callout tone="warn" icon="ban" title="It was asked to end" isCounting>
      <p>
        {leftMs > 0
          ? `Its processes are killed if they still run in ${durationText(leftMs)}.`
          : "What is left of it is being killed."}
      </p>
    </Callout>
  );
}

function Queued({ job }: { job: Job }) {
  const { jobId } = job;
  const { value: why } = useData(`why ${jobId}`, (signal) => compute.jobs.why(jobId, { signal }), {
    topics: ["jobs", "nodes"],
    everyMs: ASK_MS,
  });
  if (why?.status !== "QUEUED") return null;
  const isNever = job.unschedulableReason !== undefined;
  const startMs = Date.parse(job.notBefore ?? "") - nowMs.value;
  const isTimed = why.waitsFor === "time" && startMs > 0;
  return (
    <Callout
      isCounting={isTimed}
      tone={isNever ? "warn" : "still"}
      icon={isNever ? "alert" : isTimed ? "clock" : "circleDashed"}
      title={
        isTimed
          ? `${job.attempt > 0 ? "The next attempt starts" : "It starts"} in ${durationText(startMs)}`
          : titleOfWhy(why, isNever)
      }
    >
      {isTimed && job.notBefore !== undefined ? (
        <p>
          Not before <When at={job.notBefore} />.
        </p>
      ) : (
        <p>{why.summary}</p>
      )}
      {why.waitsFor === "job" && (
        <OtherJobs jobIds={[...(job.after ?? []).map((one) => one.jobId), ...(job.envFrom ?? [])]} />
      )}
      {isTimed && job.attempt > 0 && job.message !== undefined && (
        <p class="quiet">The attempt before: {sentence(job.message)}</p>
      )}
      {why.hint !== undefined && !why.summary.includes(why.hint) && <p>{why.hint}</p>}
      <Place why={why} />
      <HeldBy why={why} />
      <NodeFits why={why} isOpen={isNever} />
    </Callout>
  );
}

function titleOfWhy({ waitsFor, nodes }: Why, isNever: boolean): string {
  if (waitsFor === "node" && nodes.length === 0) return "There is no node yet";
  if (isNever) return "No node can run it";
  return {
    nothing: "It waits",
    time: "It starts later",
    job: "It waits for another job",
    group: "It waits for its concurrency group",
    node: "It waits for a node",
    turn: "It is next",
  }[waitsFor];
}

/** Its place in the queue of its pool. */
function Place({ why: { ahead } }: { why: Why }) {
  if (!ahead) return null;
  const { count, more } = ahead;
  if (count === 0) return <p>It is the first in the queue of its pool.</p>;
  const place = more ? `after more than ${count.toLocaleString("en")}` : (count + 1).toLocaleString("en");
  return (
    <p>
      Place in the queue of its pool: <strong class="number">{place}</strong>. People take turns, so it may
      start sooner or later.
    </p>
  );
}

function HeldBy({ why: { heldBy } }: { why: Why }) {
  if (heldBy.length === 0) return null;
  return (
    <ul class="job-links">
      {heldBy.map(({ jobId, status, name }) => (
        <li key={jobId}>
          <Status of={status} /> <a href={`/jobs/${jobId}`}>{name ?? jobId}</a>
        </li>
      ))}
    </ul>
  );
}

const VERDICTS = { fits: "Fits", busy: "Busy", unavailable: "Away", never: "Does not fit" };

/** What keeps the job off each node. */
function NodeFits({ why: { nodes, moreNodes }, isOpen }: { why: Why; isOpen: boolean }) {
  if (nodes.length === 0)
    return (
      <p>
        <a href="/nodes">Add a node</a>
      </p>
    );
  return (
    <details open={isOpen}>
      <summary>
        {counted(nodes.length, "node")}
        {moreNodes ? ", and more that were not checked" : ""}
      </summary>
      <ul class="job-fits">
        {nodes.map(({ nodeId, name, verdict, detail }) => (
          <li key={nodeId}>
            <a class="cut" href={`/nodes/${nodeId}`} title={name}>
              {name}
            </a>
            <span class={`job-verdict ${verdict}`}>{VERDICTS[verdict]}</span>
            <span class="quiet">{detail}</span>
          </li>
        ))}
      </ul>
    </details>
  );
}
