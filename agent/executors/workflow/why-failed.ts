import type { Annotation, WorkflowJob, WorkflowRun } from "../../../shared/workflow-run.ts";
import { engineExit } from "../../workflow/plan.ts";
import type { TaskExit } from "../port/executor.ts";

const MAX_NAMED = 5;
const MAX_LENGTH = 3_000;

/** One sentence about a run that did not succeed, for people; undefined if its exit says it all. Pure. */
export function whyFailed(exit: TaskExit, run: WorkflowRun): string | undefined {
  if (exit.exitCode === engineExit.invalid) return cut(whyInvalid(run.annotations));
  if (exit.exitCode === engineExit.cancelled) return cut(whyCancelled(run));
  if (exit.exitCode !== engineExit.failure) return undefined;
  const failed = run.jobs.filter(
    ({ conclusion, continueOnError }) => conclusion === "failure" && !continueOnError,
  );
  if (failed.length === 0) {
    const said = run.annotations.find(({ level }) => level === "failure");
    return said && cut(`The workflow failed: ${said.message}`);
  }
  const named = failed.slice(0, MAX_NAMED).map(inWords);
  const more = failed.length - named.length;
  const others = more > 0 ? `; and ${more} more` : "";
  return cut(
    `${failed.length === 1 ? "A job" : `${failed.length} jobs`} of the workflow failed: ${named.join("; ")}${others}.`,
  );
}

/** Not by a person: they know why. */
function whyCancelled({ annotations, jobs }: WorkflowRun): string {
  const said = [...annotations, ...jobs.flatMap((job) => job.annotations)];
  const why = said.find(({ level, message }) => level === "failure" && /cancel/i.test(message));
  return `The workflow was cancelled${why ? `: ${why.message}` : "."}`;
}

function whyInvalid(annotations: readonly Annotation[]): string {
  const problems = annotations.filter(({ level }) => level === "failure");
  const lines = problems.map(({ file, line, column, message }) => {
    const place = [file, line, column].filter((part) => part !== undefined).join(":");
    return place === "" ? message : `${place}: ${message}`;
  });
  if (lines.length === 0) return "The workflow is not valid.";
  return `The workflow is not valid: ${lines.join("; ")}`;
}

/** `build (20): step 3 “Run npm test” (exit code 1)`. */
function inWords({ name, steps, message, annotations }: WorkflowJob): string {
  const step = steps.find(({ conclusion, parent }) => conclusion === "failure" && parent === undefined);
  if (step) {
    const exit = step.exitCode === undefined ? "" : ` (exit code ${step.exitCode})`;
    return `${name}: step ${step.number} “${step.name}”${exit}`;
  }
  const why = message ?? annotations.find(({ level }) => level === "failure")?.message;
  return why === undefined ? name : `${name}: ${why}`;
}

function cut(text: string): string {
  return text.length <= MAX_LENGTH ? text : `${text.slice(0, MAX_LENGTH)} …`;
}
