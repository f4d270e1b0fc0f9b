import { mkdirSync } from "node:fs";
import { data } from "@actions/expressions";
import { toData } from "../../agent/workflow/expressions/evaluate.ts";
import type { Actions, Containers, JobOutcome, JobPlan, JobServices } from "../../agent/workflow/job.ts";
import { runJob } from "../../agent/workflow/steps/run-job.ts";
import { readWorkflow } from "../../agent/workflow/syntax/read-workflow.ts";
import type { WorkflowJob } from "../../shared/workflow-run.ts";
import { applyWorkflowEvent, newWorkflowRun } from "../../shared/workflow-state.ts";
import { makeScratch } from "./scratch.ts";

export interface PlayedJob extends JobOutcome {
  /** What the events say of it. */
  job: WorkflowJob;
  /** `Run echo hi: success` for each step, those of composite actions after a `> `. */
  steps: string[];
  log: string[];
  /** `failure: text` for each annotation. */
  annotations: string[];
}

export interface PlayOptions {
  contexts?: Record<string, unknown>;
  secrets?: Record<string, string>;
  fixedEnv?: Record<string, string>;
  givenEnv?: Record<string, string>;
  timeoutMs?: number;
  actions?: Partial<Actions>;
  cancel?: AbortSignal;
  hurry?: AbortSignal;
  /** The working copy of the run. */
  source?: string;
  containers?: Partial<Containers>;
  /** Called with the workspace before the job starts. */
  prepare?: (workspace: string) => void | Promise<void>;
  /** Called for each line of the log. */
  onLine?: (line: string) => void;
}

const KEY = "test";

/** Runs the job of a workflow, the first if there are several, without the rest of the engine. `text`: the whole file, or its `steps`. */
export async function playJob(text: string, options: PlayOptions = {}): Promise<PlayedJob> {
  await using scratch = await makeScratch();
  const whole = /^jobs:/m.test(text)
    ? text
    : `on: push\njobs:\n  test:\n    runs-on: ubuntu-latest\n    steps:\n${text.replace(/^/gm, "      ")}`;
  const { workflow, problems } = await readWorkflow("test.yml", whole);
  const definition = workflow && [...workflow.jobs.values()][0];
  if (!definition) throw new Error(problems.map(({ message, line }) => `${line}: ${message}`).join("\n"));
  const directories: JobPlan["directories"] = {
    workspace: scratch.join("workspace"),
    temp: scratch.join("temp"),
    toolCache: scratch.join("tools"),
    commands: scratch.join("commands"),
    actions: scratch.join("actions"),
    source: options.source ?? scratch.join("source"),
  };
  for (const directory of Object.values(directories)) mkdirSync(directory, { recursive: true });
  await options.prepare?.(directories.workspace);
  const contexts = { github: {}, inputs: {}, needs: {}, vars: {}, ...options.contexts };
  const plan: JobPlan = {
    key: KEY,
    name: KEY,
    definition,
    workflow,
    contexts: {
      ...Object.fromEntries(Object.entries(contexts).map(([name, value]) => [name, toData(value)])),
      secrets: toData(options.secrets ?? {}),
      matrix: new data.Null(),
    },
    secretValues: Object.values(options.secrets ?? {}),
    fixedEnv: {
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_WORKSPACE: directories.workspace,
      RUNNER_TEMP: directories.temp,
      RUNNER_OS: "Linux",
      ...options.fixedEnv,
    },
    givenEnv: options.givenEnv ?? {},
    directories,
    timeoutMs: options.timeoutMs,
  };
  return await play(plan, options);
}

async function play(plan: JobPlan, options: PlayOptions): Promise<PlayedJob> {
  const run = newWorkflowRun({ name: "test", path: "test.yml", event: "push" });
  const log: string[] = [];
  const masks = new Set<string>();
  const masked = (text: string) => [...masks].reduce((shown, mask) => shown.replaceAll(mask, "***"), text);
  const report: JobServices["report"] = {
    event: (event) => applyWorkflowEvent(run, event),
    annotate: (annotation) =>
      applyWorkflowEvent(run, {
        type: "annotation",
        job: KEY,
        annotation: { ...annotation, message: masked(annotation.message) },
      }),
    line: (text) => {
      log.push(masked(text));
      options.onLine?.(masked(text));
    },
    mask: (value) => masks.add(value),
    masked,
  };
  const services: JobServices = {
    report,
    actions: {
      setUp: async (job) => options.actions?.setUp?.(job),
      prepare: (step, job) =>
        options.actions?.prepare?.(step, job) ??
        Promise.reject(new Error(`The action ${step.uses} was not found.`)),
    },
    containers: {
      start: () => Promise.resolve(undefined),
      action: () => Promise.resolve({ outcome: "failure" }),
      ...options.containers,
    },
    actionEnv: {},
    hurry: options.hurry,
  };
  const outcome = await runJob(plan, services, options.cancel ?? new AbortController().signal);
  const job = run.jobs[0];
  if (!job) throw new Error("The job reported nothing.");
  return {
    ...outcome,
    job,
    steps: job.steps.map(({ name, conclusion, parent }) => `${parent ? "> " : ""}${name}: ${conclusion}`),
    log,
    annotations: job.annotations.map(({ level, message }) => `${level}: ${message}`),
  };
}
