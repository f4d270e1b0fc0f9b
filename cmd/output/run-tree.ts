import { counted } from "../../shared/counted.ts";
import { safeLine } from "../../shared/terminal-text.ts";
import type {
  Annotation,
  Conclusion,
  WorkflowJob,
  WorkflowRun,
  WorkflowStep,
} from "../../shared/workflow-run.ts";
import type { Look } from "./look.ts";
import { type Color, joinPainted, type Painted, paint } from "./paint.ts";

/** A conclusion, or what a job or step does that has none. `lost`: the run is over, and nobody knows how it ended. */
type State = Conclusion | "queued" | "in_progress" | "lost";

const signs: Record<State, string> = {
  success: "✓",
  failure: "✗",
  cancelled: "✗",
  skipped: "–",
  queued: "·",
  in_progress: "▸",
  lost: "?",
};
const colors: Record<State, Color> = {
  success: "green",
  failure: "red",
  cancelled: "yellow",
  skipped: "dim",
  queued: "dim",
  in_progress: "cyan",
  lost: "yellow",
};
const levels: Record<Annotation["level"], string> = {
  failure: "error",
  warning: "warning",
  notice: "notice",
};

/** A job may have thousands of annotations; its log has them all. */
const MAX_ANNOTATIONS = 10;
const MAX_SUMMARY_LINES = 50;

/** The jobs of a run, each with its failed steps and its annotations, and last how the whole run ended. */
export function runSummary(run: WorkflowRun, look: Look): Painted {
  const lines = [
    ...annotationLines(run.annotations, "", look),
    ...asStarted(run.jobs).flatMap((job) => jobLines(job, look)),
  ];
  const end = run.conclusion ?? "cancelled";
  const failed = run.jobs.filter(({ conclusion }) => conclusion === "failure").length;
  const why = failed > 0 ? `: ${failed} of ${counted(run.jobs.length, "job")} failed` : "";
  lines.push(
    paint(`${signs[end]} ${safeLine(run.name)} ${words[end]}${why}${timeText(run)}`, colors[end], look),
  );
  if (run.keptDirectory !== undefined) {
    lines.push(paint(`  its directory stays for a day: ${safeLine(run.keptDirectory)}`, undefined, look));
  }
  return joinPainted(lines, "\n");
}

/** All jobs and steps of a run, with their annotations and summaries. `isOver`: nothing of it runs any more. */
export function runTree(run: WorkflowRun, isOver: boolean, look: Look): Painted {
  const stateOf = ({ conclusion, status }: Pick<WorkflowJob, "conclusion" | "status">): State =>
    conclusion ?? (isOver ? "lost" : status === "completed" ? "success" : status);
  const lines = annotationLines(run.annotations, "", look);
  for (const job of asStarted(run.jobs)) {
    const message = job.message === undefined ? "" : `: ${safeLine(job.message)}`;
    const tolerated = job.conclusion === "failure" && job.continueOnError ? ", and the run goes on" : "";
    const state = stateOf(job);
    const text = `${signs[state]} ${safeLine(job.name)}${timeText(job)}${tolerated}${message}`;
    lines.push(paint(text, colors[state], look));
    for (const step of inOrder(job.steps)) lines.push(stepLine(step, stateOf(step), look));
    lines.push(...annotationLines(job.annotations, "    ", look));
    if (job.environment?.url !== undefined)
      lines.push(
        paint(`    ${safeLine(job.environment.name)}: ${safeLine(job.environment.url)}`, undefined, look),
      );
    for (const line of summaryLines(job.summary)) lines.push(paint(`    │ ${line}`, undefined, look));
  }
  return joinPainted(lines, "\n");
}

/** The steps of a composite action come right after the step that uses it. */
function inOrder(steps: readonly WorkflowStep[], parent?: number): WorkflowStep[] {
  const byNumber = steps.filter((step) => step.parent === parent).sort((a, b) => a.number - b.number);
  return byNumber.flatMap((step) => [step, ...inOrder(steps, step.number)]);
}

function summaryLines(summary = ""): string[] {
  const lines = summary.trim().split("\n").map(safeLine);
  if (summary.trim() === "") return [];
  const more = lines.length - MAX_SUMMARY_LINES;
  return more > 0 ? [...lines.slice(0, MAX_SUMMARY_LINES), `… ${counted(more, "more line")}`] : lines;
}

const words: Record<Conclusion, string> = {
  success: "succeeded",
  failure: "failed",
  cancelled: "was cancelled",
  skipped: "was skipped",
};

/** As they started; those that did not come last. */
function asStarted(jobs: readonly WorkflowJob[]): WorkflowJob[] {
  const LAST = "~";
  return jobs.toSorted((a, b) => ((a.startedAt ?? LAST) < (b.startedAt ?? LAST) ? -1 : 1));
}

function jobLines(job: WorkflowJob, look: Look): Painted[] {
  const end = job.conclusion ?? "cancelled";
  const tolerated = end === "failure" && job.continueOnError ? ", and the run goes on" : "";
  const message = job.message === undefined ? "" : `: ${safeLine(job.message)}`;
  const text = `${signs[end]} ${safeLine(job.name)}${timeText(job)}${tolerated}${message}`;
  return [
    paint(text, colors[end], look),
    ...job.steps.filter(isNoteworthy).map((step) => stepLine(step, step.conclusion ?? "cancelled", look)),
    ...annotationLines(job.annotations, "    ", look),
  ];
}

/** Steps of composite actions are behind the step that uses the action. */
function isNoteworthy({ conclusion, parent }: WorkflowStep): boolean {
  return parent === undefined && (conclusion === "failure" || conclusion === "cancelled");
}

function stepLine(step: WorkflowStep, state: State, look: Look): Painted {
  const code = step.exitCode ? `, exit code ${step.exitCode}` : "";
  const tolerated = step.outcome === "failure" && state === "success" ? ", failed and goes on" : "";
  const indent = step.parent === undefined ? "    " : "      ";
  const text = `${indent}${signs[state]} ${safeLine(step.name)}${timeText(step)}${code}${tolerated}`;
  return paint(text, colors[state], look);
}

function annotationLines(annotations: readonly Annotation[], indent: string, look: Look): Painted[] {
  const shown = annotations.slice(0, MAX_ANNOTATIONS).map(({ level, message, title, file, line, column }) => {
    const place =
      file === undefined ? "" : `  ${[file, line, column].filter((part) => part !== undefined).join(":")}`;
    const text = safeLine(title === undefined ? message : `${title}: ${message}`);
    return paint(`${indent}${levels[level]}: ${text}${place}`, undefined, look);
  });
  const more = annotations.length - shown.length;
  return more > 0 ? [...shown, paint(`${indent}and ${more} more`, "dim", look)] : shown;
}

function timeText({
  startedAt,
  completedAt,
}: {
  startedAt?: string | undefined;
  completedAt?: string | undefined;
}) {
  if (startedAt === undefined || completedAt === undefined) return "";
  return `  ${(Math.max(0, Date.parse(completedAt) - Date.parse(startedAt)) / 1_000).toFixed(1)} s`;
}
