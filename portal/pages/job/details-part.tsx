import { formatUsd, type Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Card, Chip, Facts, Trouble, Waiting } from "../../ui/blocks.tsx";
import { CopyButton } from "../../ui/copy.tsx";
import { counted } from "../../ui/counted.ts";
import { durationText } from "../../ui/duration.ts";
import { When } from "../../ui/time.tsx";
import { Attempts } from "./attempts.tsx";
import { OtherJobs } from "./other-jobs.tsx";
import { Usage } from "./usage.tsx";

/** The most attempts of a job that are shown. */
const MAX_EXECUTIONS = 100;

/** Attempts, what they used, what they gave, and what the job asks for. */
export function DetailsPart({ job }: { job: Job }) {
  const { jobId } = job;
  const { value, error, refresh } = useData(
    `executions of ${jobId}`,
    (signal) => Array.fromAsync(compute.executions.list({ jobId, limit: MAX_EXECUTIONS }, { signal })),
    { topics: ["jobs"], ids: [jobId] },
  );
  const executions = value?.toReversed();
  const last = executions?.at(-1);
  return (
    <div class="stack">
      {job.array === undefined && (
        <Card title="Attempts" isFlush>
          {executions ? (
            <Attempts job={job} executions={executions} />
          ) : error !== undefined ? (
            <Trouble error={error} onRetry={refresh} />
          ) : (
            <Waiting lines={2} label="Loading the attempts" />
          )}
        </Card>
      )}
      {last && <Usage job={job} executions={executions ?? []} />}
      <Results job={job} />
      <div class="columns">
        <Card title="What it asks for">
          <Asks job={job} />
        </Card>
        <Card title="Times and cost">
          <Times job={job} />
        </Card>
      </div>
      <Links title="Comes after" jobIds={job.after?.map((one) => one.jobId) ?? []} />
      <Links title="Takes the results of" jobIds={job.envFrom ?? []} />
    </div>
  );
}

function Results({ job: { results } }: { job: Job }) {
  const all = Object.entries(results ?? {});
  if (all.length === 0) return null;
  return (
    <Card title="Results" isFlush>
      <div class="table-frame">
        <table aria-label="Results">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
              <th scope="col">
                <span class="spoken">Copy</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {all.map(([key, value]) => (
              <tr key={key}>
                <td>
                  <code>{key}</code>
                </td>
                <td class="job-value">
                  <code>{value}</code>
                </td>
                <td class="end">
                  <CopyButton text={value} label={`Copy ${key}`} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Asks({ job }: { job: Job }) {
  const { resources, pool, labels, selector, image, concurrency, retryOn } = job;
  const chips = Object.entries(labels);
  const seconds = (value: number | undefined) => (value === undefined ? undefined : `${value} s`);
  return (
    <Facts
      of={[
        ["Type", job.type],
        ["Image", image && <code>{image}</code>],
        ["Pool", pool],
        [
          "Labels",
          chips.length > 0 ? (
            <span class="row wrap">
              {chips.map(([key, value]) => (
                <Chip key={key}>{`${key}=${value}`}</Chip>
              ))}
            </span>
          ) : undefined,
        ],
        ["Selector", selector && <code>{selector}</code>],
        ["CPU", resources.cpu > 0 ? counted(resources.cpu, "core") : undefined],
        ["Memory", resources.memoryMb > 0 ? `${resources.memoryMb} MiB` : undefined],
        ["GPUs", resources.gpuCount > 0 ? resources.gpuCount : undefined],
        ["Priority", job.priority === 0 ? undefined : job.priority],
        ["Working directory", job.workdir && <code>{job.workdir}</code>],
        ["Time limit", seconds(job.timeoutSeconds) ?? "none"],
        ["Grace", seconds(job.graceSeconds)],
        ["Waits at most", seconds(job.queueTtlSeconds)],
        ["Starts within", seconds(job.startTimeoutSeconds)],
        ["Retries", job.maxRetries === 0 ? "none" : `up to ${job.maxRetries}`],
        ["Retries on", retryOn?.join(", ")],
        ["Group", concurrency && `${concurrency.group}: ${concurrency.limit} at once`],
      ]}
    />
  );
}

function Times({ job }: { job: Job }) {
  const at = (time: string | undefined) => (time === undefined ? undefined : <When at={time} />);
  return (
    <Facts
      of={[
        ["Submitted", at(job.createdAt)],
        ["Not before", at(job.notBefore)],
        ["Assigned", at(job.assignedAt)],
        ["Started", at(job.startedAt)],
        ["Cancel requested", at(job.cancelRequestedAt)],
        ["Ended", at(job.finishedAt)],
        ["CPU time", job.cpuSeconds === undefined ? undefined : durationText(job.cpuSeconds * 1_000)],
        ["Peak memory", job.peakMemoryMb === undefined ? undefined : `${Math.round(job.peakMemoryMb)} MiB`],
        ["Lost nodes", job.lostCount > 0 ? job.lostCount : undefined],
        [
          "Cost",
          job.costMicroUsd === undefined ? (
            "free: its pool is your own"
          ) : (
            <>
              {formatUsd(job.costMicroUsd)} · <a href="/credits">Credits</a>
            </>
          ),
        ],
      ]}
    />
  );
}

function Links({ title, jobIds }: { title: string; jobIds: readonly string[] }) {
  if (jobIds.length === 0) return null;
  return (
    <Card title={title}>
      <OtherJobs jobIds={jobIds} />
    </Card>
  );
}
