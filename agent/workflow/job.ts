import type { data } from "@actions/expressions";
import type { Annotation, Conclusion, WorkflowEvent } from "../../shared/workflow-run.ts";
import type { Scope } from "./expressions/scope.ts";
import type { JobDefinition, StepDefinition, Workflow } from "./syntax/model.ts";

/**
 * The contract between the parts of the engine. `run/` decides which jobs run and when; `steps/` runs the steps of one job;
 * `actions/` makes steps of `uses`; `containers/` runs processes in containers; `toolkit/` serves caches and artifacts.
 */

/** One job, or one combination of its matrix, ready to start. Made by `run/`. */
export interface JobPlan {
  /** Unique within the run; see `workflowJob`. */
  key: string;
  name: string;
  definition: JobDefinition;
  /** The workflow of the definition: a called workflow for its own jobs. */
  workflow: Workflow;
  /** github, vars, secrets, inputs, needs, strategy and matrix: they stay as they are while the job runs. */
  contexts: Readonly<Record<string, data.ExpressionData>>;
  /** Values of secrets, to be masked from the first line on. */
  secretValues: readonly string[];
  /** GITHUB_*, RUNNER_* and CI, which no step can change. */
  fixedEnv: Readonly<Record<string, string>>;
  /** Variables for every step below those of the workflow (`--env`). */
  givenEnv: Readonly<Record<string, string>>;
  directories: JobDirectories;
  /** Absent: 360 minutes. */
  timeoutMs?: number | undefined;
}

/** Absolute paths on this machine, all of this job alone except `source` and `toolCache`. */
export interface JobDirectories {
  /** GITHUB_WORKSPACE: empty until actions/checkout fills it. */
  workspace: string;
  /** RUNNER_TEMP. */
  temp: string;
  /** RUNNER_TOOL_CACHE. */
  toolCache: string;
  /** The files of GITHUB_ENV, GITHUB_OUTPUT and the like, the event and scripts of steps. */
  commands: string;
  /** Actions that this job uses. */
  actions: string;
  /** The working copy of the run. */
  source: string;
}

export interface JobOutcome {
  conclusion: Conclusion;
  /** Without those that hold a secret. */
  outputs: Readonly<Record<string, string>>;
}

/** Where a job says what happens. Everything that passes is masked with what `mask` was given. */
export interface JobReport {
  event(event: WorkflowEvent): void;
  annotate(annotation: Annotation): void;
  /** A line of the log, without the newline. `step`: its number. */
  line(text: string, step?: number): void;
  mask(value: string): void;
  /** A text with what is masked replaced. */
  masked(text: string): string;
  /** Resolves when who reads the log has caught up; undefined: there is room for more lines. */
  room?(): Promise<void> | undefined;
}

/** What the steps of a job need from the rest of the engine. */
export interface JobServices {
  report: JobReport;
  actions: Actions;
  containers: Containers;
  /** Variables for actions only: ACTIONS_RUNTIME_TOKEN, ACTIONS_RESULTS_URL, ACTIONS_CACHE_URL and the like. */
  actionEnv: Readonly<Record<string, string>>;
  /** When it fires, the job ends at once: its processes are killed and no other step runs. */
  hurry?: AbortSignal | undefined;
  /** Called at the first failed step, if somebody wants to look. */
  onFailure?(at: { cwd: string; env: Readonly<Record<string, string>> }): Promise<void>;
}

/**
 * Runs one job to its end and removes what it started. `steps/` implements it. `cancel` fires when the job is cancelled, by
 * a person, by fail-fast or by its concurrency group: steps with always() or cancelled() still run, for 5 minutes at most.
 */
export type RunJob = (plan: JobPlan, services: JobServices, cancel: AbortSignal) => Promise<JobOutcome>;

/** Makes parts of `uses`. `actions/` implements it. */
export interface Actions {
  /**
   * Called once, before any step is prepared. If the job uses local actions without a checkout, puts the working copy into
   * the workspace and annotates that GitHub would fail here.
   */
  setUp(job: JobState): Promise<void>;
  /**
   * Fetches and reads the action, and those that it uses. Throws an Error for people: what is missing and what to do.
   * Called for each step when the job is set up, except for local actions, which exist only when their step is reached.
   */
  prepare(step: StepDefinition, job: JobState): Promise<PreparedAction>;
}

export interface PreparedAction {
  /** What its parts have in `StepState.action`; inside a composite action, with the path of that one. */
  action: Omit<ActionPlace, "path">;
  pre?: ActionPart | undefined;
  main: ActionPart;
  post?: ActionPart | undefined;
}

/** `github.action_path`, `action_repository` and `action_ref`, and the variables GITHUB_ACTION_* made of them. */
export interface ActionPlace {
  /** As the job's processes see it. Steps inside a composite action have that of the composite action, all others none. */
  path?: string | undefined;
  /** owner/repo; absent for local actions and images. */
  repository?: string | undefined;
  ref?: string | undefined;
}

/** An action that the engine has in itself, such as actions/checkout. It runs in the engine's process. */
export interface BuiltinAction {
  /** What the action knows, by name in lower case. Defaults are plain text. */
  inputs: Readonly<Record<string, { default?: string; deprecationMessage?: string }>>;
  main(call: BuiltinCall): Promise<StepEnd>;
  /** Runs at the end of the job if main was started. */
  post?(call: BuiltinCall): Promise<StepEnd>;
}

export interface BuiltinCall {
  step: StepState;
  /** By name in lower case, with defaults; one without a value is "". */
  inputs: Readonly<Record<string, string>>;
}

export interface ActionPart {
  /** An expression with a status function: `always()` unless the action says otherwise. */
  if: string;
  run(step: StepState): Promise<StepEnd>;
}

/** How one part of a step ended. What it has to say about a failure is annotated already. */
export interface StepEnd {
  outcome: Conclusion;
  exitCode?: number | undefined;
}

/** A job while it runs. `steps/` implements it. */
export interface JobState {
  readonly plan: JobPlan;
  readonly services: JobServices;
  /** Where processes of steps run: this machine, or the job's container. */
  readonly host: StepHost;
  /** "success" until a step failed or the job was cancelled. */
  readonly status: "success" | "failure" | "cancelled";
  /** Variables of the job: of the workflow, the job and GITHUB_ENV. */
  readonly env: Map<string, string>;
  /** What GITHUB_PATH added, the last first. */
  readonly addedPath: string[];
  /** Fires when the running step must end. */
  readonly cancel: AbortSignal;
}

/** One step, or one step of a composite action, while it runs. */
export interface StepState {
  readonly job: JobState;
  readonly definition: StepDefinition;
  readonly number: number;
  /** `github.action`: its id, or `__run_2` and the like. */
  readonly actionId: string;
  /** The action whose part runs: `github.action_path` and the rest; absent for `run`. */
  readonly action?: ActionPlace | undefined;
  /** The contexts as they are now. */
  scope(): Scope;
  /** The whole environment for a process of this step, without PATH. */
  env(): Record<string, string>;
  /** Values of GITHUB_STATE: the parts of one action share them. `actions/` makes STATE_* of them. */
  readonly state: Map<string, string>;
  setOutput(name: string, value: string): void;
  /** Fires when the step must end: its timeout, or the job's cancel. */
  readonly cancel: AbortSignal;
  /**
   * Runs a program as this step: files of commands, workflow commands in its output, problem matchers, masks, the stop
   * ladder. `env` is added to that of the step.
   */
  execute(program: StepProgram): Promise<StepEnd>;
  /**
   * Runs one part of all the steps of a composite action, with their own ids and outputs. "pre" and "main" go in their
   * order. "post" goes in reverse, only for steps whose pre or main part was started. The parts of such a step share
   * their `state`. The scope that it returns has their outputs.
   */
  runNested(nested: NestedSteps): Promise<StepEnd & { scope: Scope }>;
}

export interface NestedSteps {
  part: "pre" | "main" | "post";
  steps: readonly StepDefinition[];
  /** The `inputs` context. */
  inputs: Readonly<Record<string, string>>;
  action: ActionPlace;
  /** Makes the action of a step that `uses` one, in place of `Actions.prepare`; call it when the step is reached. */
  prepare(step: StepDefinition): Promise<PreparedAction>;
}

export interface StepProgram {
  argv: readonly string[];
  /** As the host sees it; absent: the workspace. */
  cwd?: string | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  /** Another place than the job's, such as a container of a Docker action. */
  host?: StepHost | undefined;
}

/** Where processes of steps run. */
export interface StepHost {
  readonly os: "Linux" | "macOS" | "Windows";
  /** Runs a program to its end. `onOutput` gets both streams in the order of their arrival. */
  run(program: HostProgram): Promise<HostExit>;
  /** The full path of a program that PATH has, with `path` searched first. */
  which(program: string, path: readonly string[]): Promise<string | undefined>;
  /** A path of this machine as the processes see it. */
  guestPath(path: string): string;
  /** PATH before GITHUB_PATH adds to it. */
  basePath(): Promise<string>;
}

export interface HostProgram {
  argv: readonly string[];
  cwd: string;
  env: Readonly<Record<string, string>>;
  /** A promise: read on only when it resolves. */
  onOutput(bytes: Uint8Array): Promise<void> | undefined | void;
  /** When it fires: INT, TERM after 7.5 s, KILL of the whole tree after another 2.5 s. */
  cancel: AbortSignal;
}

/** `notStarted`: why, and what to do about it. */
export type HostExit = { exitCode: number } | { signal: string } | { notStarted: string };

/** Containers of a job. `containers/` implements it. */
export interface Containers {
  /** The job's container and its services, healthy; undefined if the job asks for none. Throws an Error for people. */
  start(
    job: JobPlan,
    scope: Scope,
    report: JobReport,
    cancel: AbortSignal,
  ): Promise<JobContainers | undefined>;
  /** Runs a Docker action, or `uses: docker://image`: a container of its own with the workspace in it. */
  action(options: ContainerAction): Promise<StepEnd>;
}

export interface JobContainers {
  /** Absent if the job has only services. */
  host?: StepHost | undefined;
  /** `job.container` and `job.services`. */
  contexts: Readonly<Record<string, unknown>>;
  network: string;
  stop(): Promise<void>;
}

export interface ContainerAction {
  step: StepState;
  /** `docker://image`, or the directory of a Dockerfile. */
  image: string;
  directory: string;
  entrypoint?: string | undefined;
  args?: readonly string[] | undefined;
  env?: Readonly<Record<string, string>> | undefined;
}
