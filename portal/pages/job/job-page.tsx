import { useLocation, useRoute } from "preact-iso";
import { ComputeError, isFinal, type Job } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { useKeys } from "../../ui/keys.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { ArrayPart } from "./array-part.tsx";
import { DetailsPart } from "./details-part.tsx";
import { FilesPart } from "./files-part.tsx";
import { GoneJob } from "./gone-job.tsx";
import "./job.css";
import { JobHead } from "./job-head.tsx";
import { LogPart } from "./log-part.tsx";
import { ManifestPart } from "./manifest-part.tsx";
import { Reason } from "./reason.tsx";
import { WorkflowPart } from "./workflow-part.tsx";

/** While an array runs, its counts are read again this often. */
const ARRAY_MS = 3_000;

/** Everything about one job, live. */
export default function JobPage() {
  const { params } = useRoute();
  const { jobId = "", part } = params;
  const data = useData(`job ${jobId}`, (signal) => compute.jobs.retrieve(jobId, { signal }), {
    topics: ["jobs"],
    ids: [jobId],
  });
  const { value: job, error, refresh } = data;
  if (isGone(error)) return <GoneJob jobId={jobId} last={job} />;
  if (!job && error !== undefined)
    return (
      <>
        <PageHead title="Job" />
        <Trouble error={error} onRetry={refresh} />
      </>
    );
  if (!job)
    return (
      <>
        <PageHead title="Job" />
        <Waiting lines={6} label="Loading the job" />
      </>
    );
  return <JobView key={jobId} job={job} part={part} refresh={refresh} />;
}

function isGone(error: unknown): boolean {
  return error instanceof ComputeError && (error.code === "not_found" || error.code === "invalid_request");
}

/** The parts of the page; the first is shown without a name in its address. */
function partsOf({ array, type }: Job): { part: string; text: string }[] {
  return [
    ...(array === undefined ? [{ part: "log", text: "Log" }] : [{ part: "jobs", text: "Jobs" }]),
    ...(type === "GITHUB_ACTION" && array === undefined ? [{ part: "workflow", text: "Workflow" }] : []),
    { part: "details", text: "Details" },
    { part: "files", text: "Files" },
    { part: "manifest", text: "Manifest" },
  ];
}

function JobView({ job, part, refresh }: { job: Job; part: string | undefined; refresh(): void }) {
  const { jobId } = job;
  const { route } = useLocation();
  // The array's own hints come only when it begins and ends.
  const isLive = job.array !== undefined && !isFinal(job.status);
  useData(`array ${jobId} ${isLive}`, async () => isLive && refresh(), isLive ? { everyMs: ARRAY_MS } : {});
  const parts = partsOf(job);
  const [first] = parts;
  const current = parts.find((one) => one.part === part)?.part ?? first?.part;
  const tabs = parts.map(({ part: name, text }) => ({
    href: `/jobs/${jobId}${name === first?.part ? "" : `/${name}`}`,
    text,
    isCurrent: name === current,
  }));
  const at = tabs.findIndex(({ isCurrent }) => isCurrent);
  const go = (by: number) => {
    const next = tabs[at + by];
    if (next) route(next.href);
  };
  useKeys("A job", [
    { keys: "]", does: "Next part of this job", act: () => go(1) },
    { keys: "[", does: "Part before", act: () => go(-1) },
  ]);
  return (
    <div class="job">
      <JobHead job={job} refresh={refresh} />
      <Reason job={job} />
      <Tabs label="Parts of this job" tabs={tabs} />
      {current === "log" && <LogPart job={job} refresh={refresh} />}
      {current === "jobs" && <ArrayPart array={job} />}
      {current === "workflow" && <WorkflowPart job={job} />}
      {current === "details" && <DetailsPart job={job} />}
      {current === "files" && <FilesPart job={job} />}
      {current === "manifest" && <ManifestPart job={job} />}
    </div>
  );
}
