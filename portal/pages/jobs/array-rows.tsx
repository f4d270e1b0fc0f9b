import type { Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Trouble, Waiting } from "../../ui/blocks.tsx";
import { Status } from "../../ui/status.tsx";
import { type Names, NodeOf, Ran } from "./job-cells.tsx";

const FIRST = 12;

/** Below the row of an array that is open: how its jobs stand, and the first of them. */
export function ArrayRows({ arrayId, names }: { arrayId: string; names: Names }) {
  const { value, error, refresh } = useData(
    arrayId,
    async (signal) => {
      const [array, page] = await Promise.all([
        compute.jobs.retrieve(arrayId, { signal }),
        compute.client.call("jobs.list", { arrayId, limit: FIRST }, { signal }),
      ]);
      return { counts: array.jobsByStatus ?? {}, jobs: page.jobs };
    },
    { topics: ["jobs"] },
  );
  if (error !== undefined && !value) return <Trouble error={error} onRetry={refresh} />;
  if (!value) return <Waiting lines={2} label="Loading the jobs of the array" />;
  const counts = Object.entries(value.counts);
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return (
    <div class="array-rows">
      <p class="row wrap">
        {counts.map(([status, count]) => (
          <a key={status} href={`/jobs?status=${status}&array=${arrayId}`} class="row">
            <Status of={status} /> <span class="number">{count.toLocaleString("en")}</span>
          </a>
        ))}
      </p>
      <ul>
        {value.jobs.map((job) => (
          <ArrayJob key={job.jobId} job={job} names={names} />
        ))}
      </ul>
      {total > value.jobs.length && (
        <a href={`/jobs?array=${arrayId}`}>All {total.toLocaleString("en")} jobs of this array</a>
      )}
    </div>
  );
}

function ArrayJob({ job, names }: { job: Job; names: Names }) {
  return (
    <li>
      <a class="number" href={`/jobs/${job.jobId}`}>
        {job.env.TANVRIT_ARRAY_INDEX ?? job.jobId}
      </a>
      <Status of={job.status} />
      <Ran job={job} />
      <NodeOf job={job} names={names} />
    </li>
  );
}
