import { constants } from "node:os";
import type { data } from "@actions/expressions";
import type { Annotation, WorkflowStep } from "../../../shared/workflow-run.ts";
import { contextsOf, evaluateTexts } from "../expressions/evaluate.ts";
import type { Scope } from "../expressions/scope.ts";
import type {
  ActionPlace,
  HostExit,
  NestedSteps,
  StepEnd,
  StepHost,
  StepProgram,
  StepState,
} from "../job.ts";
import type { StepDefinition } from "../syntax/model.ts";
import { belowWorkspace } from "./command-runner.ts";
import { ContextMap, textsOf } from "./context-map.ts";
import { displayName, nameBeforeRun } from "./display-name.ts";
import type { JobRun } from "./job-run.ts";
import { LineCutter } from "./line-cutter.ts";
import { type FileTarget, StepFiles } from "./step-files.ts";
import { StepLog } from "./step-log.ts";
import type { StepPlan } from "./step-plan.ts";

/** Paths of this machine that processes see at another place. */
const PATH_VARIABLES = [
  "GITHUB_WORKSPACE",
  "GITHUB_EVENT_PATH",
  "GITHUB_ACTION_PATH",
  "RUNNER_TEMP",
  "RUNNER_TOOL_CACHE",
  "RUNNER_WORKSPACE",
];
/** Variables that a workflow may set although the engine has a value for them. */
const FREE_VARIABLES = new Set(["CI"]);
const SIGNAL_BASE = 128;

/** One part of a step while it runs. */
export class LiveStep implements StepState, FileTarget {
  readonly number: number;
  readonly cancel: AbortSignal;
  /** A command in its output or its files could not be carried out, so it fails. */
  commandFailed = false;
  private readonly stopper = new AbortController();
  private readonly files: StepFiles;
  private ownEnv: Record<string, string> = {};
  private known: Scope | undefined;

  constructor(
    readonly job: JobRun,
    readonly plan: StepPlan,
  ) {
    const { signal } = this.stopper;
    this.cancel = plan.outer ? AbortSignal.any([signal, plan.outer.cancel]) : signal;
    this.number = job.nextNumber();
    this.files = new StepFiles(job.plan.directories.commands, `${this.number}`, job.spareFiles);
  }

  get definition(): StepDefinition {
    return this.plan.instance.definition;
  }

  get actionId(): string {
    return this.plan.instance.actionId;
  }

  get action(): ActionPlace | undefined {
    return this.plan.instance.prepared?.action ?? this.plan.place;
  }

  get state(): Map<string, string> {
    return this.plan.instance.state;
  }

  get isNested(): boolean {
    return this.plan.outer !== undefined;
  }

  /** Why it must end. */
  get stoppedBy(): "timeout" | "cancel" | undefined {
    return this.stopper.signal.aborted ? this.stopper.signal.reason : this.plan.outer?.stoppedBy;
  }

  /** The step of the job that it is, or that its composite action is. */
  get top(): LiveStep {
    return this.plan.outer?.top ?? this;
  }

  stop(why: "timeout" | "cancel"): void {
    this.stopper.abort(why);
  }

  /** Evaluates the variables of the step. Throws an Error for people. */
  evaluateEnv(): void {
    this.ownEnv = evaluateTexts(this.definition.env, this.scope());
    this.known = undefined;
  }

  scope(): Scope {
    this.known ??= {
      contexts: contextsOf({ ...this.job.contexts(), ...this.plan.contexts, ...this.ownContexts() }),
      functions: this.plan.level.functions,
    };
    return this.known;
  }

  env(): Record<string, string> {
    const { job, action } = this;
    const env = this.contextEnv();
    for (const [name, value] of Object.entries(job.fixedEnv)) {
      if (env[name] === undefined || !FREE_VARIABLES.has(name)) env[name] = value;
    }
    env.GITHUB_ACTION = this.actionId;
    env.GITHUB_ACTION_REPOSITORY = action?.repository ?? "";
    env.GITHUB_ACTION_REF = action?.ref ?? "";
    if (action?.path === undefined) delete env.GITHUB_ACTION_PATH;
    else env.GITHUB_ACTION_PATH = action.path;
    return env;
  }

  /** What a step in the background does to other steps counts once they waited for it. */
  later(effect: () => void): void {
    if (this.plan.background) this.plan.background.effects.push(effect);
    else effect();
  }

  setOutput(name: string, value: string): void {
    if (this.plan.kind === "main") this.later(() => this.plan.level.setOutput(this.actionId, name, value));
  }

  setVariable(name: string, value: string): void {
    this.later(() => this.job.env.set(name, value));
    this.known = undefined;
  }

  setState(name: string, value: string): void {
    this.state.set(name, value);
  }

  addPath(directory: string): void {
    this.later(() => this.job.addPath(directory));
  }

  addSummary(markdown: string): void {
    this.job.addSummary(markdown);
  }

  say(message: string, fails: boolean): void {
    this.fail(message);
    if (fails) this.commandFailed = true;
  }

  log(line: string): void {
    this.job.services.report.line(line, this.number);
  }

  /** A line that is shown only if somebody asked for debugging. */
  debug(text: string): void {
    if (this.job.isDebug) for (const line of text.split("\n")) this.log(`##[debug]${line}`);
  }

  /** A file that a command names, from the workspace. */
  fileOf(path: string): string {
    return belowWorkspace(this.hostPath(path), this.job.plan.directories.workspace);
  }

  /** The path on this machine of a file in the workspace, as the step sees it. */
  hostPath(path: string): string {
    const { workspace } = this.job.plan.directories;
    const guest = this.job.host.guestPath(workspace);
    return path === guest || path.startsWith(`${guest}/`) ? workspace + path.slice(guest.length) : path;
  }

  /** An error of this step, for people. */
  fail(message: string): void {
    this.annotate({ level: "failure", message });
  }

  annotate(annotation: Omit<Annotation, "step">): void {
    this.job.annotate({ ...annotation, step: this.number }, this.top.number);
  }

  async execute(program: StepProgram): Promise<StepEnd> {
    const { job } = this;
    const host: StepHost = program.host ?? job.host;
    this.files.create();
    const log = new StepLog(this);
    const cutter = new LineCutter((line) => log.line(line));
    const exit = await host.run({
      argv: program.argv,
      cwd: program.cwd ?? host.guestPath(job.plan.directories.workspace),
      env: await this.processEnv(host, program.env),
      onOutput: (bytes) => {
        cutter.push(bytes);
        return job.services.report.room?.();
      },
      cancel: this.cancel,
    });
    cutter.end();
    this.files.apply(this);
    return this.endOf(exit);
  }

  runNested(nested: NestedSteps): Promise<StepEnd & { scope: Scope }> {
    return this.job.runNested(this, nested);
  }

  /** What people see as its name. */
  title(willRun = true): string {
    const name = (willRun ? displayName : nameBeforeRun)(this.definition, this.scope());
    return this.plan.kind === "main" ? name : `${this.plan.kind === "pre" ? "Pre" : "Post"} ${name}`;
  }

  /** What the first event of the step says of it. */
  head(willRun = true): Pick<WorkflowStep, "number" | "name" | "kind"> & Partial<WorkflowStep> {
    const { id } = this.definition;
    return {
      number: this.number,
      name: this.title(willRun),
      kind: this.plan.kind,
      ...(id !== undefined && { id }),
      ...(this.plan.outer && { parent: this.plan.outer.number }),
    };
  }

  /** Variables of the workflow, the job, GITHUB_ENV, the composite actions around it, and its own. */
  private contextEnv(): Record<string, string> {
    return Object.assign(Object.fromEntries(this.job.env), ...this.ownEnvs());
  }

  private ownEnvs(): Record<string, string>[] {
    return [...(this.plan.outer?.ownEnvs() ?? []), this.ownEnv];
  }

  /** The same with PATH and the files of commands, as a process on this host sees it. */
  async processEnv(host: StepHost, added?: StepProgram["env"]): Promise<Record<string, string>> {
    const env: Record<string, string> = { ...this.env(), ...added, ...this.files.variables(host) };
    for (const name of PATH_VARIABLES) if (env[name]) env[name] = host.guestPath(env[name]);
    env.PATH = [...this.job.addedPath, env.PATH ?? (await host.basePath())].join(":");
    return env;
  }

  private ownContexts(): Record<string, data.ExpressionData> {
    const { job, action } = this;
    const github = new ContextMap({ base: job.plan.contexts.github });
    github.set("action", this.actionId);
    github.set("action_repository", action?.repository ?? "");
    github.set("action_ref", action?.ref ?? "");
    if (this.plan.outer) github.set("action_status", this.plan.level.status());
    if (action?.path !== undefined) github.set("action_path", job.host.guestPath(action.path));
    for (const [name, path] of this.files.paths()) github.set(name, job.host.guestPath(path));
    return {
      github,
      steps: this.plan.level.steps,
      env: textsOf(Object.entries(this.contextEnv()), { exact: true }),
    };
  }

  private endOf(exit: HostExit): StepEnd {
    if ("notStarted" in exit) {
      this.fail(exit.notStarted);
      return { outcome: "failure" };
    }
    const exitCode =
      "exitCode" in exit
        ? exit.exitCode
        : SIGNAL_BASE + (constants.signals[exit.signal as NodeJS.Signals] ?? 0);
    return { outcome: exitCode === 0 ? "success" : "failure", exitCode };
  }
}
