import { useEffect, useRef, useState } from "preact/hooks";
import type { Annotation, Job, WorkflowJob, WorkflowRun } from "../../../sdk/index.ts";
import { Card, Empty, Facts } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { Status } from "../../ui/status.tsx";
import { useLiveRun } from "./live-run.ts";
import "./run.css";
import { counted } from "../../ui/counted.ts";
import { RunBars } from "./run-bars.tsx";
import { hashOfStep, RunTree, statusOf } from "./run-tree.tsx";

/** What the workflow did, and what it says about itself. */
export function WorkflowPart({ job }: { job: Job }) {
  const run = useLiveRun(job);
  if (!run)
    return (
      <Card>
        <Empty icon="play" title="The workflow has not started">
          <p>Its jobs and steps appear here once a node runs it.</p>
        </Empty>
      </Card>
    );
  const jobs = run.jobs.filter(({ summary }) => summary !== undefined);
  return (
    <div class="job-run">
      <div class="stack">
        <div class="card">
          <RunTree
            run={run}
            label="Jobs and steps"
            hrefOf={(of, step) =>
              step.startedAt === undefined ? undefined : `/jobs/${job.jobId}${hashOfStep(of, step)}`
            }
          />
        </div>
      </div>
      <div class="stack">
        <About job={job} run={run} />
        <Annotations jobId={job.jobId} run={run} />
        {jobs.map((one) => (
          <Card key={one.key} title={`Summary of ${one.name}`}>
            <Markdown text={one.summary ?? ""} />
          </Card>
        ))}
        <Outputs run={run} />
      </div>
    </div>
  );
}

function About({ job, run }: { job: Job; run: WorkflowRun }) {
  const { workflow } = job;
  return (
    <Card title={run.name || run.path} actions={<Status of={statusOf(run)} />}>
      <Facts
        of={[
          ["File", <code key="path">{run.path}</code>],
          ["Event", run.event],
          ["Repository", workflow?.repository ?? workflow?.clone?.url],
          ["Ref", workflow?.ref ?? workflow?.clone?.ref],
          ["Commit", workflow?.sha && <code>{workflow.sha}</code>],
          ["Actor", workflow?.actor],
          [
            "Artifacts",
            job.artifactId && (
              <a key="files" href={`/jobs/${job.jobId}/files`}>
                See its files
              </a>
            ),
          ],
          ["Kept on the node", run.keptDirectory && <code>{run.keptDirectory}</code>],
        ]}
      />
      <RunBars run={run} />
    </Card>
  );
}

const LEVELS: Record<Annotation["level"], { icon: IconName; tone: string; word: string; rank: number }> = {
  failure: { icon: "circleX", tone: "bad", word: "error", rank: 0 },
  warning: { icon: "alert", tone: "warn", word: "warning", rank: 1 },
  notice: { icon: "info", tone: "busy", word: "notice", rank: 2 },
};
/** So many are shown at first. */
const FEW = 20;

function Annotations({ jobId, run }: { jobId: string; run: WorkflowRun }) {
  const [isAll, setIsAll] = useState(false);
  const all = [
    ...run.annotations.map((annotation) => ({ annotation, job: undefined })),
    ...run.jobs.flatMap((job) => job.annotations.map((annotation) => ({ annotation, job }))),
  ].sort((a, b) => LEVELS[a.annotation.level].rank - LEVELS[b.annotation.level].rank);
  if (all.length === 0) return null;
  const counts = (["failure", "warning", "notice"] as const)
    .map((level) => [level, all.filter(({ annotation }) => annotation.level === level).length] as const)
    .filter(([, count]) => count > 0)
    .map(([level, count]) => counted(count, LEVELS[level].word));
  return (
    <Card title="Annotations" actions={<span class="quiet">{counts.join(", ")}</span>} isFlush>
      <ul class="annotations">
        {all.slice(0, isAll ? undefined : FEW).map(({ annotation, job }, i) => (
          <li key={i}>
            <AnnotationLine jobId={jobId} annotation={annotation} job={job} />
          </li>
        ))}
      </ul>
      {all.length > FEW && !isAll && (
        <div class="job-more">
          <Button onClick={() => setIsAll(true)}>Show all {all.length}</Button>
        </div>
      )}
    </Card>
  );
}

function AnnotationLine(props: { jobId: string; annotation: Annotation; job: WorkflowJob | undefined }) {
  const { jobId, annotation, job } = props;
  const { level, title, message, file, line, column } = annotation;
  const { icon, tone, word } = LEVELS[level];
  const step = job?.steps.find(({ number }) => number === annotation.step);
  const place = [file, line, column].filter((part) => part !== undefined).join(":");
  return (
    <>
      <span class={`status-sign ${tone}`}>
        <Icon name={icon} />
        <span class="spoken">{word}</span>
      </span>
      <div>
        {title !== undefined && <strong>{title}</strong>}
        <p class="job-message">{message}</p>
        <p class="quiet job-small">
          {place !== "" && <code>{place}</code>} {job?.name}
          {job && step && (
            <>
              {" · "}
              <a href={`/jobs/${jobId}${hashOfStep(job, step)}`}>{step.name}</a>
            </>
          )}
        </p>
      </div>
    </>
  );
}

function Outputs({ run }: { run: WorkflowRun }) {
  const jobs = run.jobs.filter(({ outputs }) => outputs && Object.keys(outputs).length > 0);
  return (
    <>
      {jobs.map(({ key, name, outputs = {} }) => (
        <Card key={key} title={`Outputs of ${name}`}>
          <Facts
            of={Object.entries(outputs).map(
              ([output, value]) => [output, <code key={output}>{value}</code>] as const,
            )}
          />
        </Card>
      ))}
    </>
  );
}

/** The library and the text's elements come when they are needed. */
function Markdown({ text }: { text: string }) {
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let isOver = false;
    const show = async () => {
      const { renderMarkdown } = await import("./markdown.ts");
      if (!isOver) place.current?.replaceChildren(renderMarkdown(text));
    };
    // Without the library, the text can still be read.
    show().catch(() => place.current?.replaceChildren(text));
    return () => {
      isOver = true;
    };
  }, [text]);
  return <div class="markdown" ref={place} />;
}
