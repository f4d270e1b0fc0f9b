import { type Artifact, bytesText, type Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Card, Code, Empty, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Ago } from "../../ui/time.tsx";
import { ArtifactTree } from "./artifact-tree.tsx";
import "./files.css";
import { counted } from "../../ui/counted.ts";
import { Callout } from "./reason.tsx";

/** The most artifacts of one job that are shown. */
const MAX_ARTIFACTS = 100;

/** What was there before the job, and what it left. */
export function FilesPart({ job }: { job: Job }) {
  const { jobId, array } = job;
  const { value, error, refresh } = useData(
    `artifacts of ${jobId}`,
    (signal) => Array.fromAsync(compute.artifacts.list({ jobId, limit: MAX_ARTIFACTS }, { signal })),
    { topics: ["jobs"], ids: [jobId] },
  );
  if (!value)
    return error === undefined ? (
      <Waiting label="Loading the files" />
    ) : (
      <Trouble error={error} onRetry={refresh} />
    );
  return (
    <div class="stack">
      {job.outputProblems && <Problems job={job} />}
      {value.map((artifact) => (
        <ArtifactCard key={artifact.artifactId} job={job} artifact={artifact} />
      ))}
      {value.length === 0 && <NoOutputs job={job} />}
      {(job.inputs ?? []).map(({ from, to }) => (
        <InputCard key={`${from} ${to}`} job={job} from={from} to={to} />
      ))}
      {array !== undefined && <p class="quiet">Each job of the array has its own files.</p>}
    </div>
  );
}

function Problems({ job: { outputProblems = [] } }: { job: Job }) {
  return (
    <Callout tone="warn" icon="alert" title="Not everything could be kept">
      <ul class="job-problems">
        {outputProblems.map(({ path, message }, i) => (
          <li key={i}>
            <code>{path}</code> <span class="quiet">{message}</span>
          </li>
        ))}
      </ul>
    </Callout>
  );
}

const KINDS = { output: "Outputs", attached: "Attached", input: "Input", upload: "Files" };

function ArtifactCard({ job, artifact }: { job: Job; artifact: Artifact }) {
  const { kind, attempt, files, bytes, createdAt, expiresAt } = artifact;
  const name = kind === "attached" ? artifact.name : KINDS[kind];
  return (
    <ArtifactTree
      jobId={job.jobId}
      artifact={artifact}
      title={job.attempt > 1 && attempt !== undefined ? `${name} of attempt ${attempt}` : name}
    >
      {counted(files, "file")} · {bytesText(bytes)} · <Ago at={createdAt} />
      {expiresAt !== undefined && (
        <>
          {" "}
          · deleted <Ago at={expiresAt} />
        </>
      )}
    </ArtifactTree>
  );
}

/** An input: `artifact:art_…`, or `job:job_…/GLOB` for outputs of another job. */
function InputCard({ job, from, to }: { job: Job; from: string; to: string | undefined }) {
  const artifactId = /^artifact:(.+)$/.exec(from)?.[1];
  const place = to === undefined || to === "." ? "in its directory" : `in ./${to}`;
  const { value: artifact, error } = useData(`artifact ${artifactId}`, async (signal) =>
    artifactId === undefined ? undefined : compute.artifacts.get(artifactId, { signal }),
  );
  if (artifact)
    return (
      <ArtifactTree jobId={job.jobId} artifact={artifact} title={`Input ${place}`}>
        {artifact.name} · {counted(artifact.files, "file")} · {bytesText(artifact.bytes)}
      </ArtifactTree>
    );
  const [, other, glob = "**"] = /^job:([^/]+)(?:\/(.*))?$/.exec(from) ?? [];
  return (
    <Card title={`Input ${place}`}>
      {other === undefined ? (
        <p class="quiet">{error === undefined ? "Loading …" : `${from} is gone, or you may not see it.`}</p>
      ) : (
        <p>
          The outputs <code>{glob}</code> of <a href={`/jobs/${other}/files`}>{other}</a>
        </p>
      )}
    </Card>
  );
}

function NoOutputs({ job }: { job: Job }) {
  if (job.array !== undefined) return null;
  if (job.outputs !== undefined)
    return (
      <Card>
        <Empty icon="folder" title={job.attempt === 0 ? "No files yet" : "It left no files"}>
          <p>
            After each attempt, the files that match {job.outputs.map((glob) => `“${glob}”`).join(", ")} are
            kept and shown here.
          </p>
        </Empty>
      </Card>
    );
  return (
    <Card>
      <Empty icon="folder" title="This job keeps no files">
        <p>Say which of its files to keep when you submit it:</p>
        <Code text={"tanvrit-compute job submit --output 'dist/**' -- make"} />
      </Empty>
    </Card>
  );
}
