import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../../shared/code-of.ts";
import { textOf } from "../../../shared/text-of.ts";
import { UnresolvedError } from "../actions/repository-finder.ts";
import { callProblems } from "../syntax/check-call.ts";
import type { SyntaxProblem, Workflow, WorkflowCall } from "../syntax/model.ts";
import { readWorkflow } from "../syntax/read-workflow.ts";

/** A workflow with those that its jobs call. */
export interface LoadedWorkflow {
  workflow: Workflow;
  place: WorkflowPlace;
  /** By the id of the calling job. */
  calls: ReadonlyMap<string, LoadedWorkflow>;
}

/** Where a workflow comes from; `./` in it means the same place. Absent: the working copy of the run. */
export interface WorkflowPlace {
  repository?: { name: string; ref: string } | undefined;
}

/** The text of a workflow of another repository: `owner/repo/.github/workflows/x.yml@ref`. Throws an Error for people. */
export type ReadRemote = (uses: string) => Promise<string>;

/** The caller at the top and nine levels below it, as on GitHub. */
const MAX_LEVELS = 10;

export interface LoadResult {
  loaded?: LoadedWorkflow | undefined;
  problems: SyntaxProblem[];
}

/** Reads a workflow and all that it calls; all problems at once. */
export async function loadWorkflows(
  path: string,
  directory: string,
  readRemote: ReadRemote,
): Promise<LoadResult> {
  const loader = new Loader(directory, readRemote);
  const loaded = await loader.load(path, {}, []);
  return { loaded: loader.problems.length === 0 ? loaded : undefined, problems: loader.problems };
}

class Loader {
  readonly problems: SyntaxProblem[] = [];

  constructor(
    private readonly directory: string,
    private readonly readRemote: ReadRemote,
  ) {}

  async load(
    path: string,
    place: WorkflowPlace,
    above: readonly string[],
  ): Promise<LoadedWorkflow | undefined> {
    const shown = shownPath(path, place);
    const text = await this.textOf(path, place, shown);
    if (text === undefined) return undefined;
    const { workflow, problems } = await readWorkflow(shown, text);
    this.problems.push(...problems);
    if (!workflow) return undefined;
    const own = { ...workflow, path };
    const calls = new Map<string, LoadedWorkflow>();
    for (const job of workflow.jobs.values()) {
      if (!job.call) continue;
      const called = await this.loadCalled(job.call, place, [...above, shown]);
      if (called) calls.set(job.id, called);
    }
    return { workflow: own, place, calls };
  }

  private async loadCalled(
    call: WorkflowCall,
    place: WorkflowPlace,
    above: readonly string[],
  ): Promise<LoadedWorkflow | undefined> {
    const { uses } = call;
    const problem = (message: string, hint: string) => {
      this.problems.push({ file: above.at(-1) ?? "", ...call.place, message, hint });
      return undefined;
    };
    const at = usesOf(uses);
    if (!at) {
      return problem(
        `The workflow reference '${uses}' is not valid`,
        "Write ./.github/workflows/FILE.yml, or OWNER/REPO/.github/workflows/FILE.yml@REF.",
      );
    }
    if (above.length >= MAX_LEVELS) {
      return problem(
        `Workflows call each other more than ${MAX_LEVELS} levels deep: ${above.join(" → ")}`,
        "Let one of them do the work of two.",
      );
    }
    try {
      const there = at.repository ? { repository: at.repository } : place;
      const shown = shownPath(at.path, there);
      if (above.includes(shown))
        return problem(
          `Workflows call each other in a circle: ${[...above, shown].join(" → ")}`,
          "Remove one of these calls.",
        );
      const called = await this.load(at.path, there, above);
      if (called) this.problems.push(...callProblems(above.at(-1) ?? "", call, called.workflow));
      return called;
    } catch (error) {
      if (error instanceof UnresolvedError) return problem(error.problem, error.hint);
      return problem(
        `The workflow ${uses} cannot be fetched: ${textOf(error)}`,
        "Put it into the action store, or make it reachable from this node.",
      );
    }
  }

  private async textOf(path: string, place: WorkflowPlace, shown: string): Promise<string | undefined> {
    try {
      return place.repository
        ? await this.readRemote(shown)
        : await readFile(join(this.directory, path), "utf8");
    } catch (error) {
      if (place.repository) throw error;
      const isMissing = codeOf(error) === "ENOENT" || codeOf(error) === "ENOTDIR";
      this.problems.push({
        file: shown,
        line: 1,
        column: 1,
        message: isMissing ? `There is no workflow file ${shown}` : `Cannot read ${shown}: ${textOf(error)}`,
        hint: isMissing ? "Look at the path; files that git ignores are not sent." : "Make it readable.",
      });
      return undefined;
    }
  }
}

/** What a `uses` of a job names; undefined: it is not valid. */
function usesOf(uses: string): { path: string; repository?: { name: string; ref: string } } | undefined {
  if (/^[.$]\//.test(uses)) return { path: uses.slice(2) };
  const [, name, path, ref] = /^([^/@\s]+\/[^/@\s]+)\/([^@]+\.ya?ml)@(\S+)$/.exec(uses) ?? [];
  return name && path && ref ? { path, repository: { name, ref } } : undefined;
}

function shownPath(path: string, { repository }: WorkflowPlace): string {
  return repository ? `${repository.name}/${path}@${repository.ref}` : path;
}
