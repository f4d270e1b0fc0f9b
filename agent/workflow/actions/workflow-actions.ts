import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import type { Actions, BuiltinAction, JobState, PreparedAction } from "../job.ts";
import type { StepDefinition } from "../syntax/model.ts";
import { withParallel } from "../syntax/steps.ts";
import { builtinAction } from "./builtin-action.ts";
import { copyWorkingCopy } from "./checkout-own.ts";
import { compositeAction } from "./composite-action.ts";
import { copyTree } from "./copy-tree.ts";
import { actionFilesOf, readDefinition } from "./definition.ts";
import { dockerAction, imageAction } from "./docker-action.ts";
import { githubText } from "./github-text.ts";
import { javascriptAction } from "./javascript-action.ts";
import type { ActionOrigin } from "./origin.ts";
import { part } from "./parts.ts";
import {
  isLocalUse,
  type LocalReference,
  type RepositoryReference,
  readReference,
  textOfReference,
} from "./reference.ts";
import { type RepositoryFinder, UnresolvedError } from "./repository-finder.ts";

/** As GitHub's runner. */
const MAX_DEPTH = 9;

/** Built-in actions by owner/repo[/path]; any ref will do. */
export type Builtins = ReadonlyMap<string, BuiltinAction>;

/** The actions of one run. */
export class WorkflowActions implements Actions {
  private readonly placed = new WeakMap<object, Map<string, Promise<string>>>();

  constructor(
    private readonly finder: RepositoryFinder,
    private readonly builtins: Builtins,
  ) {}

  async setUp(job: JobState): Promise<void> {
    await this.lendWorkingCopy(job);
    await this.fetchAll(job);
  }

  private async lendWorkingCopy(job: JobState): Promise<void> {
    const steps = withParallel(job.plan.definition.steps);
    const { workspace } = job.plan.directories;
    if (!steps.some(({ uses }) => isLocalUse(uses)) || steps.some(({ uses }) => isCheckout(uses))) return;
    if (existsSync(workspace) && readdirSync(workspace).length > 0) return;
    await copyWorkingCopy({
      job,
      signal: job.cancel,
      say: (text) => job.services.report.line(text),
      repository: githubText(job, "repository"),
      ref: "",
      directory: workspace,
      depth: 1,
      tags: false,
      token: "",
      serverUrl: githubText(job, "server_url") || "https://github.com",
    });
    job.services.report.annotate({
      level: "warning",
      message:
        "This job uses a local action but has no actions/checkout step. It got the working copy anyway; on GitHub it would fail. Add a step `- uses: actions/checkout@v4` before it.",
    });
  }

  /** Side by side, and all that are missing are named at once. */
  private async fetchAll(job: JobState): Promise<void> {
    const all = withParallel(job.plan.definition.steps);
    const steps = all.filter(({ uses }) => uses !== undefined && !isLocalUse(uses));
    const fetched = await Promise.allSettled(steps.map((step) => this.prepare(step, job)));
    job.cancel.throwIfAborted();
    const failures = fetched.flatMap((one) => (one.status === "rejected" ? [textOf(one.reason)] : []));
    const [last, ...others] = [...new Set(failures)].reverse();
    for (const message of others.reverse()) job.services.report.annotate({ level: "failure", message });
    if (last !== undefined) throw new Error(last);
  }

  prepare(step: StepDefinition, job: JobState): Promise<PreparedAction> {
    return this.prepareAt(step, job, []);
  }

  /** @param callers the composite actions around the step, the outermost first. */
  private async prepareAt(
    step: StepDefinition,
    job: JobState,
    callers: readonly string[],
  ): Promise<PreparedAction> {
    const reference = readReference(ownReference(step.uses ?? "", job));
    if (reference.kind === "image") return imageAction(reference.image);
    if (reference.kind === "local") return this.read(localOrigin(reference, job), job, callers);
    const shown = textOfReference(reference);
    if (callers.length > MAX_DEPTH || callers.includes(shown)) throw tooDeep([...callers, shown]);
    const builtin = await this.builtinFor(reference, job);
    if (builtin) return builtinAction(builtin, reference);
    let origin: ActionOrigin;
    try {
      origin = await this.repositoryOrigin(reference, job);
    } catch (error) {
      if (error instanceof UnresolvedError && !error.answered) return unreachableAction(error);
      throw error;
    }
    return this.read(origin, job, callers);
  }

  private async builtinFor(
    reference: RepositoryReference,
    job: JobState,
  ): Promise<BuiltinAction | undefined> {
    const name = join(reference.owner, reference.repo, reference.path).toLowerCase();
    const builtin = this.builtins.get(name);
    // The store may have an action of this name. But only the built-in checkout knows the working copy.
    if (!builtin || name === "actions/checkout") return builtin;
    const stored = await this.finder.inStore(reference, actionFilesOf(reference.path), job.cancel);
    return stored ? undefined : builtin;
  }

  private async repositoryOrigin(reference: RepositoryReference, job: JobState): Promise<ActionOrigin> {
    const { owner, repo, path, ref } = reference;
    const top = await this.place(reference, job);
    const directory = join(top, path);
    const action = { repository: `${owner}/${repo}`, ref };
    return { action, directory, shown: textOfReference(reference), isLocal: false };
  }

  /** Gives the job a copy of the repository; actions may write into their own directory. */
  private place(reference: RepositoryReference, job: JobState): Promise<string> {
    const { owner, repo, ref } = reference;
    const placed = this.placed.get(job.plan) ?? new Map<string, Promise<string>>();
    this.placed.set(job.plan, placed);
    const key = `${owner.toLowerCase()}/${repo.toLowerCase()}@${ref}`;
    const known = placed.get(key);
    if (known) return known;
    const place = async () => {
      const asker = { repository: githubText(job, "repository"), token: githubText(job, "token") };
      const found = await this.finder.find(reference, actionFilesOf(reference.path), asker, job.cancel);
      const to = join(job.plan.directories.actions, owner, repo, ref);
      await copyTree(found.directory, to, job.cancel);
      const commit = found.commit === undefined ? "" : ` (SHA:${found.commit})`;
      job.services.report.line(`Download action repository '${owner}/${repo}@${ref}'${commit}`);
      return to;
    };
    const made = place();
    placed.set(key, made);
    made.catch(() => placed.delete(key));
    return made;
  }

  private async read(
    origin: ActionOrigin,
    job: JobState,
    callers: readonly string[],
  ): Promise<PreparedAction> {
    const definition = readDefinition(origin.directory, origin.shown);
    if (!definition) throw new Error(missing(origin));
    const { runs } = definition;
    if (runs.using === "docker") return dockerAction(definition, runs, origin);
    if (runs.using !== "composite") return javascriptAction(definition, runs, origin);
    const around = [...callers, origin.shown];
    if (around.length > MAX_DEPTH) throw tooDeep(around);
    const prepare = (step: StepDefinition) => this.prepareAt(step, job, around);
    const nested = new Map<StepDefinition, PreparedAction>();
    for (const step of runs.steps) {
      if (step.uses !== undefined && !isLocalUse(step.uses)) nested.set(step, await prepare(step));
    }
    return compositeAction({ definition, runs, origin, nested, prepare });
  }
}

/** `$/path` is an action of the workflow's own repository, at the commit of the run, whatever the workspace has. */
function ownReference(uses: string, job: JobState): string {
  const [, path] = /^\$\/(.*?)\/?$/.exec(uses.trim()) ?? [];
  if (path === undefined) return uses;
  const inside = path === "" ? "" : `/${path}`;
  return `${githubText(job, "repository")}${inside}@${githubText(job, "sha")}`;
}

/** GitHub might well find it. So the job goes on, and only the step that needs the action fails. */
function unreachableAction(error: UnresolvedError): PreparedAction {
  return { action: {}, main: part("always()", () => Promise.reject(error)) };
}

function localOrigin({ path }: LocalReference, job: JobState): ActionOrigin {
  const directory = join(job.plan.directories.workspace, path);
  const shown = path === "." ? "./" : `./${path}`;
  return { action: {}, directory, shown, isLocal: true };
}

function isCheckout(uses: string | undefined): boolean {
  return /^actions\/checkout@/i.test(uses?.trim() ?? "");
}

function missing({ directory, shown, isLocal }: ActionOrigin): string {
  const what = "Can't find 'action.yml', 'action.yaml' or 'Dockerfile'";
  return isLocal
    ? `${what} under '${directory}'. Did you forget to run actions/checkout before running your local action?`
    : `${what} for action '${shown}'.`;
}

function tooDeep(chain: readonly string[]): Error {
  return new Error(
    `Composite action depth exceeded max depth ${MAX_DEPTH}: ${chain.join(" uses ")}. Remove the step that leads back, or one of the levels.`,
  );
}
