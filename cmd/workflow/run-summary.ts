import { counted } from "../../shared/counted.ts";
import { safeLine } from "../../shared/terminal-text.ts";
import type {
  Annotation,
  Conclusion,
  WorkflowJob,
  WorkflowRun,
  WorkflowStep,
} from "../../shared/workflow-run.ts";
import type { Look } from "../output/look.ts";
import { type Color, joinPainted, type Painted, paint } from "../output/paint.ts";

const signs: Record<Conclusion, string> = { success: "✓", failure: "✗", cancelled: "✗", skipped: "–" };
const colors: Record<Conclusion, Color> = {
  success: "green",
  failure: "red",
  cancelled: "yellow",
  skipped: "dim",
};
const levels: Record<Annotation["level"], string> = {
  failure: "error",
  warning: "warning",
  notice: "notice",
};

/** A job may have thousands of annotations; its log has them all. */
const MAX_ANNOTATIONS = 10;

/** The jobs of a run, each with its failed steps and its annotations, and last how the whole run ended. */
export function runSummary(run: WorkflowRun, look: Look): Painted {
  const lines = [
    ...annotationLines(run.annotations, "", look),
    ...run.jobs.flatMap((job) => jobLines(job, look)),
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

const words: Record<Conclusion, string> = {
  success: "succeeded",
  failure: "failed",
  cancelled: "was cancelled",
  skipped: "was skipped",
};

function jobLines(job: WorkflowJob, look: Look): Painted[] {
  const end = job.conclusion ?? "cancelled";
  const tolerated = end === "failure" && job.continueOnError ? ", and the run goes on" : "";
  const message = job.message === undefined ? "" : `: ${safeLine(job.message)}`;
  const text = `${signs[end]} ${safeLine(job.name)}${timeText(job)}${tolerated}${message}`;
  return [
    paint(text, colors[end], look),
    ...job.steps.filter(isNoteworthy).map((step) => stepLine(step, look)),
    ...annotationLines(job.annotations, "    ", look),
  ];
}

/** Steps of composite actions are behind the step that uses the action. */
function isNoteworthy({ conclusion, parent }: WorkflowStep): boolean {
  return parent === undefined && (conclusion === "failure" || conclusion === "cancelled");
}

function stepLine(step: WorkflowStep, look: Look): Painted {
  const end = step.conclusion ?? "cancelled";
  const code = step.exitCode ? `, exit code ${step.exitCode}` : "";
  return paint(`    ${signs[end]} ${safeLine(step.name)}${timeText(step)}${code}`, colors[end], look);
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
