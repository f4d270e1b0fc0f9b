import { posix } from "node:path";
import { callProblems } from "./check-call.ts";
import type { StepDefinition, SyntaxProblem, Workflow, WorkflowCall } from "./model.ts";
import { readAction } from "./read-action.ts";
import { openWorkflow, type ReadWorkflow } from "./read-workflow.ts";
import { withParallel } from "./steps.ts";

/** The files of a repository. */
export interface RepositoryFiles {
  /** The text of a file, by its path from the top with `/`; undefined if it is not there. */
  read(path: string): Promise<string | undefined>;
  /** The path as problems name it. */
  shown(path: string): string;
}

/** GitHub's limit: the workflow that runs, and nine levels below it. */
const MAX_LEVELS = 10;

/** Checks workflows with the workflows and actions of the same repository that they use. Each file is checked once. */
export class Linter {
  readonly problems: SyntaxProblem[] = [];
  private readonly workflows = new Map<string, Promise<ReadWorkflow | undefined>>();
  private readonly actions = new Set<string>();
  /** Chains of calls that were looked at: from each workflow only once. */
  private readonly followed = new Set<string>();

  constructor(private readonly files: RepositoryFiles) {}

  /** The workflow of a file. `path`: from the top of the repository. */
  async lint(path: string): Promise<Workflow | undefined> {
    const read = await this.open(path);
    if (read?.workflow) await this.follow(path, read.workflow, [path]);
    return read?.workflow;
  }

  private open(path: string): Promise<ReadWorkflow | undefined> {
    let opened = this.workflows.get(path);
    if (!opened) {
      opened = this.files.read(path).then((text) => {
        if (text === undefined) return undefined;
        const read = openWorkflow(this.files.shown(path), text);
        this.problems.push(...read.problems);
        return read;
      });
      this.workflows.set(path, opened);
    }
    return opened;
  }

  private async follow(path: string, workflow: Workflow, above: readonly string[]): Promise<void> {
    if (this.followed.has(path)) return;
    this.followed.add(path);
    for (const job of workflow.jobs.values()) {
      if (job.call) await this.followCall(path, job.call, above);
      await this.followActions(job.steps);
    }
  }

  private async followCall(path: string, call: WorkflowCall, above: readonly string[]): Promise<void> {
    const target = localPath(call.uses);
    if (target === undefined || call.uses.includes("@") || !/\.ya?ml$/.test(target)) return;
    const report = (message: string, hint: string) =>
      this.problems.push({ file: this.files.shown(path), ...call.place, message, hint });
    if (above.includes(target)) {
      const names = [...above.slice(above.indexOf(target)), target].join(" → ");
      report(`The workflow '${call.uses}' calls itself`, `Remove one of these calls: ${names}.`);
      return;
    }
    if (above.length >= MAX_LEVELS) {
      report(`Workflows call each other more than ${MAX_LEVELS} levels deep`, above.join(" → "));
      return;
    }
    const read = await this.open(target);
    if (read === undefined) {
      report(
        `There is no workflow '${call.uses}'`,
        `It must be at ${target}, from the top of the repository.`,
      );
      return;
    }
    if (!read.workflow) return;
    this.problems.push(...callProblems(this.files.shown(path), call, read.workflow));
    await this.follow(target, read.workflow, [...above, target]);
  }

  /** An action that is not there may come from an earlier step, so its absence is no mistake yet. */
  private async followActions(steps: readonly StepDefinition[]): Promise<void> {
    for (const { uses } of withParallel(steps)) {
      const directory = uses === undefined ? undefined : localPath(uses);
      if (directory === undefined || this.actions.has(directory)) continue;
      this.actions.add(directory);
      for (const name of ["action.yml", "action.yaml"]) {
        if (await this.lintAction(posix.join(directory, name))) break;
      }
    }
  }

  /** `path`: of an action.yml. Resolves with whether it is there. */
  async lintAction(path: string): Promise<boolean> {
    const text = await this.files.read(path);
    if (text === undefined) return false;
    const { action, problems } = readAction(this.files.shown(path), text);
    this.problems.push(...problems);
    if (action?.runs.using === "composite") await this.followActions(action.runs.steps);
    return true;
  }
}

/** The path from the top of the repository of `./…` and `$/…`; undefined for what is elsewhere. */
function localPath(uses: string): string | undefined {
  if (!/^[.$][\\/]/.test(uses) && uses !== ".") return undefined;
  const path = posix.normalize(uses.replaceAll("\\", "/").replace(/^\$/, "."));
  return path.startsWith("..") ? undefined : path.replace(/\/$/, "");
}
