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
  strategy?: MappingToken | undefined;
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
  /** Either `run` or `uses`. */
  run?: TemplateToken | undefined;
  shell?: TemplateToken | undefined;
  workingDirectory?: TemplateToken | undefined;
  uses?: string | undefined;
  with?: MappingToken | undefined;
}

/** What is wrong with a file, and what to do about it. Line and column count from 1. */
export interface SyntaxProblem {
  file: string;
  line: number;
  column: number;
  message: string;
  hint?: string | undefined;
}
