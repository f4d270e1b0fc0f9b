import type { SyntaxProblem, Workflow } from "../../../agent/workflow/syntax/model.ts";
import { problemText } from "../../../agent/workflow/syntax/problem-text.ts";
import { FileError } from "../../../shared/config/yaml.ts";
import { CliError } from "../../exit/failure.ts";
import { pathInRepository, type WorkflowPlace } from "./repository.ts";

/** A workflow that will run, and the event that triggers it. */
export interface ChosenWorkflow {
  /** On this machine. */
  file: string;
  workflow: Workflow;
  event: string;
}

/**
 * Reads the workflows of a place and chooses those that the event triggers. Throws FileError with all that is wrong with
 * them, and CliError if none is left.
 */
export async function chooseWorkflows(
  place: WorkflowPlace,
  wanted: { event?: string | undefined; inputs?: unknown },
): Promise<ChosenWorkflow[]> {
  const { asNamed, lintPlace } = await import("./linted.ts");
  const { workflows, problems } = await lintPlace(place, asNamed(undefined));
  if (problems.length > 0) throw problemsError(problems);
  const read = workflows.flatMap(({ file, workflow }) =>
    workflow ? [{ file, workflow: { ...workflow, path: pathInRepository(place.top, file) } }] : [],
  );
  if (place.isDirectory) return ofDirectory(read, wanted.event ?? defaultEvent(wanted));
  return read.map((one) => ({ ...one, event: eventOf(one, wanted) }));
}

/** All problems of workflow files, as the command line shows them. */
export function problemsError(problems: readonly SyntaxProblem[]): FileError {
  const issues = problems.map((problem) => {
    const { file, line, column } = problem;
    return { file, line, column, message: problemText(problem) };
  });
  return new FileError(issues, { maxShown: issues.length });
}

function ofDirectory(read: readonly Omit<ChosenWorkflow, "event">[], event: string): ChosenWorkflow[] {
  const chosen = read.filter(({ workflow }) => eventsOf(workflow).includes(event));
  if (chosen.length > 0) return chosen.map((one) => ({ ...one, event }));
  const known = [...new Set(read.flatMap(({ workflow }) => eventsOf(workflow)))].sort();
  throw new CliError("bad_data", `no workflow of this directory runs for the event ${event}`, {
    todo: `Choose one that they have with --event: ${known.join(", ")}`,
  });
}

function eventOf(
  { file, workflow }: Omit<ChosenWorkflow, "event">,
  { event, inputs }: { event?: string | undefined; inputs?: unknown },
): string {
  const events = eventsOf(workflow);
  if (event !== undefined) {
    if (events.includes(event)) return event;
    throw new CliError("bad_data", `${file}: the workflow does not run for the event ${event}`, {
      todo: `It has ${events.join(", ")}. Choose one of them with --event, or add ${event} to its on`,
    });
  }
  const usual = defaultEvent({ inputs });
  const [only, ...others] = events;
  if (events.includes(usual)) return usual;
  if (only !== undefined && others.length === 0) return only;
  throw new CliError(
    "bad_data",
    `${file}: the workflow does not run for the event ${usual}; say for which it should run`,
    {
      todo: `Choose one that it has with --event: ${events.join(", ")}`,
    },
  );
}

/** Only a person who starts a workflow gives it inputs. */
function defaultEvent({ inputs }: { inputs?: unknown }): string {
  return inputs === undefined ? "push" : "workflow_dispatch";
}

/** The events that trigger the workflow, in the order of the file. */
function eventsOf({ on }: Workflow): string[] {
  return Object.keys(on);
}
