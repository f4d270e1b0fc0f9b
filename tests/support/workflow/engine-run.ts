import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { type RunPlan, runPlan } from "../../../agent/workflow/plan.ts";
import type { EngineExit, MakeParts } from "../../../agent/workflow/run/engine-io.ts";
import { makeEngineParts } from "../../../agent/workflow/run/engine-parts.ts";
import { runWorkflow } from "../../../agent/workflow/run/run-workflow.ts";
import type { WorkflowRun } from "../../../shared/workflow-run.ts";
import { applyWorkflowEvent, newWorkflowRun } from "../../../shared/workflow-state.ts";
import { makeScratch } from "../scratch.ts";

export interface EngineRun {
  exit: EngineExit;
  /** The tree that the events make. */
  run: WorkflowRun;
  /** The lines of the log. */
  log: string[];
  /** What is left in the directory of the run. */
  left: string[];
}

export interface EngineRunOptions {
  /** Files of the repository by their path; `.github/workflows/ci.yml` is what runs. */
  files: Readonly<Record<string, string>>;
  request?: Partial<RunPlan["request"]>;
  plan?: Partial<Omit<RunPlan, "request">>;
  secrets?: Readonly<Record<string, string>>;
  signal?: AbortSignal;
  hurry?: AbortSignal;
  parts?: MakeParts;
  onLine?(line: string): void;
}

export const WORKFLOW = ".github/workflows/ci.yml";

/** Runs a workflow in this process, in directories of its own that are gone afterwards. */
export async function engineRun(options: EngineRunOptions): Promise<EngineRun> {
  await using scratch = await makeScratch();
  const source = scratch.join("source");
  for (const [path, text] of Object.entries(options.files)) {
    await mkdir(dirname(scratch.join("source", path)), { recursive: true });
    await writeFile(scratch.join("source", path), text);
  }
  await mkdir(scratch.join("run"));
  const secretsFile = scratch.join("secrets.json");
  if (options.secrets) await writeFile(secretsFile, JSON.stringify(options.secrets));
  const plan = runPlan.parse({
    runId: "1",
    directory: scratch.join("run"),
    source,
    cacheDirectory: scratch.join("cache"),
    eventsFile: scratch.join("events"),
    ...(options.secrets ? { secretsFile } : {}),
    ...options.plan,
    request: { path: WORKFLOW, ...options.request },
  });
  const log: string[] = [];
  const write = (line: string) => {
    log.push(line);
    options.onLine?.(line);
  };
  const signal = options.signal ?? new AbortController().signal;
  const io = { write, signal, hurry: options.hurry ?? new AbortController().signal };
  const exit = await runWorkflow(plan, io, options.parts ?? makeEngineParts);
  return { exit, run: await foldEvents(plan.eventsFile), log, left: await readdir(plan.directory) };
}

/** The state of a run whose events are in this file. */
async function foldEvents(path: string): Promise<WorkflowRun> {
  const run = newWorkflowRun({ name: "", path: "", event: "" });
  for (const line of (await readFile(path, "utf8")).split("\n").slice(0, -1)) {
    applyWorkflowEvent(run, JSON.parse(line));
  }
  return run;
}

/** `{"build (1)": "success"}` */
export function conclusions(run: WorkflowRun): Record<string, string | undefined> {
  return Object.fromEntries(run.jobs.map(({ key, conclusion }) => [key, conclusion]));
}
