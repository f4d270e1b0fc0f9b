import { useState } from "preact/hooks";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Button } from "../../ui/button.tsx";
import { titleOf } from "../../ui/job-words.ts";
import { Status } from "../../ui/status.tsx";
import { Ago } from "../../ui/time.tsx";

/** Each of them is a request. */
const FEW = 10;

/** Links to other jobs, with how they stand now. */
export function OtherJobs({ jobIds }: { jobIds: readonly string[] }) {
  const [isAll, setIsAll] = useState(false);
  const shown = isAll ? jobIds : jobIds.slice(0, FEW);
  return (
    <ul class="job-links">
      {shown.map((jobId) => (
        <li key={jobId}>
          <OtherJob jobId={jobId} />
        </li>
      ))}
      {shown.length < jobIds.length && (
        <li>
          <Button look="plain" onClick={() => setIsAll(true)}>
            Show all {jobIds.length}
          </Button>
        </li>
      )}
    </ul>
  );
}

function OtherJob({ jobId }: { jobId: string }) {
  const { value: job, error } = useData(
    `other job ${jobId}`,
    (signal) => compute.jobs.retrieve(jobId, { signal }),
    { topics: ["jobs"], ids: [jobId] },
  );
  const href = `/jobs/${jobId}`;
  if (!job)
    return (
      <span class="quiet">
        <a href={href}>
          <code>{jobId}</code>
        </a>
        {error !== undefined && " is gone"}
      </span>
    );
  return (
    <span class="row">
      <Status of={job.status} />
      <a class="cut" href={href} title={titleOf(job)}>
        {titleOf(job)}
      </a>
      <span class="quiet">
        <Ago at={job.createdAt} />
      </span>
    </span>
  );
}
