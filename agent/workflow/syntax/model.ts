import type { EventsConfig } from "@actions/workflow-parser/model/workflow-template";
import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";

/**
 * A workflow as the engine runs it. Values that may contain expressions stay tokens; they are evaluated when GitHub
 * evaluates them.
 */
export interface Workflow {
  /** From the top of the repository. */
  path: string;
  name?: string | undefined;
  runName?: TemplateToken | undefined;
  on: EventsConfig;
  /** The raw `on`, for what `EventsConfig` lacks, such as the outputs of workflow_call. */
  onToken: TemplateToken;
  env?: TemplateToken | undefined;
  defaults: RunDefaults;
  concurrency?: TemplateToken | undefined;
  /** By id, in the order of the file. */
  jobs: ReadonlyMap<string, JobDefinition>;
}

/** `defaults.run`. */
export interface RunDefaults {
  shell?: TemplateToken | undefined;
  workingDirectory?: TemplateToken | undefined;
}

export interface JobDefinition {
  id: string;
  name?: TemplateToken | undefined;
  needs: readonly string[];
  /** The expression without `${{ }}`, with a status function: `success() && (…)` if the file has none. */
  if: string;
  /** A mapping or an expression. */
  strategy?: TemplateToken | undefined;
  continueOnError?: TemplateToken | undefined;
  timeoutMinutes?: TemplateToken | undefined;
  runsOn?: TemplateToken | undefined;
  env?: TemplateToken | undefined;
  outputs?: MappingToken | undefined;
  defaults: RunDefaults;
  container?: TemplateToken | undefined;
  services?: TemplateToken | undefined;
  environment?: TemplateToken | undefined;
  concurrency?: TemplateToken | undefined;
  /** Empty for a job that calls a reusable workflow. */
  steps: readonly StepDefinition[];
  /** Only for a job that calls a reusable workflow. */
  call?: WorkflowCall | undefined;
}

export interface WorkflowCall {
  /** `./.github/workflows/x.yml` or `owner/repo/.github/workflows/x.yml@ref`. */
  uses: string;
  /** Where it is called. */
  place: Place;
  with?: MappingToken | undefined;
  secrets?: MappingToken | "inherit" | undefined;
}

/** A step of a job or of a composite action. */
export interface StepDefinition {
  /** As in the file; absent: the engine numbers it. */
  id?: string | undefined;
  name?: TemplateToken | undefined;
  /** Like that of a job. */
  if: string;
  continueOnError?: TemplateToken | undefined;
  timeoutMinutes?: TemplateToken | undefined;
  env?: TemplateToken | undefined;
  /** The steps after it do not wait for it. Only for steps with `run` or `uses`. */
  background?: boolean | undefined;
  /** Waits for background steps with these ids. This and the next three stand instead of `run` and `uses`. */
  wait?: readonly string[] | undefined;
  /** Waits for all background steps before it. */
  waitAll?: boolean | undefined;
  /** Stops the background step with this id. */
  cancel?: string | undefined;
  /** Runs these at the same time and waits for all. */
  parallel?: readonly StepDefinition[] | undefined;
  /** Either `run` or `uses`, or one of the four above. */
  run?: TemplateToken | undefined;
  shell?: TemplateToken | undefined;
  workingDirectory?: TemplateToken | undefined;
  uses?: string | undefined;
  with?: MappingToken | undefined;
}

/** In a file; both count from 1. */
export interface Place {
  line: number;
  column: number;
}

/** What is wrong with a file, and what to do about it. Line and column count from 1. */
export interface SyntaxProblem {
  file: string;
  line: number;
  column: number;
  message: string;
  hint: string;
}

/** An action.yml as the engine runs it. */
export interface ActionDefinition {
  name: string;
  /** By the name in the file; names of inputs do not differ by upper and lower case. */
  inputs: ReadonlyMap<string, ActionInput>;
  /** The values, which only composite actions have. */
  outputs: ReadonlyMap<string, TemplateToken | undefined>;
  runs: ActionRuns;
}

export interface ActionInput {
  required: boolean;
  default?: TemplateToken | undefined;
  deprecationMessage?: string | undefined;
}

export type ActionRuns = CompositeRuns | NodeRuns | DockerRuns;

export interface CompositeRuns {
  using: "composite";
  steps: readonly StepDefinition[];
}

export interface NodeRuns {
  /** `node20`, `node24`, …: in lower case. */
  using: `node${number}`;
  main: string;
  pre?: string | undefined;
  /** Expressions as they stand: no status function is added. `always()` if the file has none. */
  preIf: string;
  post?: string | undefined;
  postIf: string;
}

export interface DockerRuns {
  using: "docker";
  /** `docker://image`, or the path of a Dockerfile below the action's directory. */
  image: string;
  entrypoint?: string | undefined;
  preEntrypoint?: string | undefined;
  preIf: string;
  postEntrypoint?: string | undefined;
  postIf: string;
  /** Absent: those of the image, or what the input `args` says. */
  args?: readonly TemplateToken[] | undefined;
  env?: MappingToken | undefined;
}
