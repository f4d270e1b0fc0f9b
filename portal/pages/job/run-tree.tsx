import { useState } from "preact/hooks";
import type { WorkflowJob, WorkflowRun, WorkflowStep } from "../../../sdk/index.ts";
import { durationText } from "../../ui/duration.ts";
import { Icon } from "../../ui/icon.tsx";
import { StatusSign } from "../../ui/status.tsx";
import { nowMs } from "../../ui/time.tsx";

/** With more jobs than this, only those that failed or run show their steps at first. */
const MAX_OPEN_JOBS = 6;

const CONCLUSIONS = { success: "SUCCESS", failure: "FAILED", cancelled: "CANCELLED", skipped: "SKIPPED" };

type Progress = Pick<WorkflowStep, "status" | "conclusion" | "startedAt" | "completedAt">;

/** As the states of jobs are called. */
export function statusOf({ status, conclusion }: Progress): string {
  if (status === "completed") return CONCLUSIONS[conclusion ?? "success"];
  return status === "in_progress" ? "RUNNING" : "QUEUED";
}

/** The fragment that names a step until its line in the log is known. */
export function hashOfStep(job: WorkflowJob, step: WorkflowStep): string {
  return `#step=${encodeURIComponent(`${job.key}:${step.number}`)}`;
}

/** What `hashOfStep` made; undefined for any other fragment. */
export function stepIn(run: WorkflowRun, hash: string): { job: WorkflowJob; step: WorkflowStep } | undefined {
  const named = /^#step=(.+)$/.exec(hash)?.[1];
  if (named === undefined) return undefined;
  for (const job of run.jobs)
    for (const step of job.steps) if (hashOfStep(job, step) === `#step=${named}`) return { job, step };
  return undefined;
}

interface RunTreeProps {
  run: WorkflowRun;
  label: string;
  /** Where a step's part of the log is; undefined while that is not known. */
  hrefOf(job: WorkflowJob, step: WorkflowStep): string | undefined;
}

/** The jobs and steps of a workflow, with how they stand and how long they took. */
export function RunTree({ run, label, hrefOf }: RunTreeProps) {
  const [toggled, setToggled] = useState<ReadonlySet<string>>(new Set());
  const toggle = (key: string) => {
    const next = new Set(toggled);
    if (!next.delete(key)) next.add(key);
    setToggled(next);
  };
  if (run.jobs.length === 0)
    return (
      <p class="quiet job-none">{run.status === "completed" ? "No job ran." : "The jobs appear here."}</p>
    );
  return (
    <ul class="run-tree" aria-label={label}>
      {run.jobs.map((job) => {
        const isOpen = opensFirst(job, run.jobs.length) !== toggled.has(job.key);
        return (
          <li key={job.key}>
            <JobLine job={job} isOpen={isOpen} toggle={() => toggle(job.key)} />
            {isOpen && job.message !== undefined && <p class="quiet run-message">{job.message}</p>}
            {isOpen && job.steps.length > 0 && (
              <ul>
                {job.steps.map((step) => (
                  <li key={step.number}>
                    <StepLine step={step} href={hrefOf(job, step)} />
                  </li>
                ))}
              </ul>
            )}
          </li>
        );
      })}
    </ul>
  );
}

function opensFirst({ status, conclusion }: WorkflowJob, count: number): boolean {
  return count <= MAX_OPEN_JOBS || status === "in_progress" || conclusion === "failure";
}

function JobLine({ job, isOpen, toggle }: { job: WorkflowJob; isOpen: boolean; toggle(): void }) {
  return (
    <button type="button" class="run-job" aria-expanded={isOpen} onClick={toggle}>
      <Icon name={isOpen ? "chevronDown" : "chevronRight"} />
      <StatusSign of={statusOf(job)} />
      <span class="cut" title={job.name}>
        {job.name}
      </span>
      <Duration of={job} />
    </button>
  );
}

function StepLine({ step, href }: { step: WorkflowStep; href: string | undefined }) {
  const isIgnored = step.outcome === "failure" && step.conclusion === "success";
  const inside = (
    <>
      <StatusSign of={isIgnored ? "FAILED" : statusOf(step)} />
      <span class="cut" title={step.name}>
        {step.name}
      </span>
      {isIgnored && <span class="quiet">ignored</span>}
      <Duration of={step} />
    </>
  );
  const look = `run-step ${step.parent === undefined ? "" : "nested"}`;
  return href === undefined ? (
    <span class={look}>{inside}</span>
  ) : (
    <a class={look} href={href}>
      {inside}
    </a>
  );
}

function Duration({ of: { startedAt, completedAt, conclusion } }: { of: Progress }) {
  if (startedAt === undefined || conclusion === "skipped") return null;
  const ms = (completedAt === undefined ? nowMs.value : Date.parse(completedAt)) - Date.parse(startedAt);
  return <span class="quiet number run-duration">{durationText(ms)}</span>;
}
