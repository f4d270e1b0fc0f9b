import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { RunPlan } from "../../agent/workflow/plan.ts";
import { type Env, inAccountHome } from "../../shared/config/home.ts";
import { newId } from "../../shared/ids.ts";
import type { WorkflowRequest } from "../../shared/workflow-request.ts";
import type { WorkflowEvent, WorkflowRun } from "../../shared/workflow-run.ts";
import { applyWorkflowEvent, newWorkflowRun } from "../../shared/workflow-state.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { systemUserName } from "../input/user-name.ts";
import { BrokenPipeError, type Output } from "../output/output.ts";
import type { RunDirectory, RunPaths } from "./draft/run-directory.ts";
import type { RunStops } from "./run-stops.ts";
import type { MachineForRuns } from "./this-machine.ts";

const DEFAULT_ACTIONS_URL = "https://github.com";

/** What all runs of one command share. */
export interface HereOptions {
  env: Env;
  secrets: Readonly<Record<string, string>>;
  actionStore: string | undefined;
  machine: MachineForRuns;
  stops: RunStops;
  shellOnFailure: boolean;
  json: boolean;
  quiet: boolean;
}

/** How a run on this machine ended. */
export interface HereEnd {
  exitCode: number;
  run: WorkflowRun;
}

/** Runs the workflow in this process. */
export async function runHere(
  request: WorkflowRequest,
  directory: RunDirectory,
  number: number,
  options: HereOptions,
  output: Output,
): Promise<HereEnd> {
  const { runWorkflow } = await import("../../agent/workflow/run/run-workflow.ts");
  const paths = directory.run(number);
  const { makeEngineParts } = await import("../../agent/workflow/run/engine-parts.ts");
  const plan = planOf(request, directory, paths, options);
  const { stops } = options;
  const put = (writing: Promise<void>) => {
    writing.catch(() => stops.readerGone());
    return writing;
  };
  const write = (text: string) => {
    if (options.json) return put(output.json({ type: "log", text }));
    return options.quiet ? undefined : put(output.write(`${text}\n`));
  };
  const run = newWorkflowRun({ name: request.path, path: request.path, event: request.event });
  const onEvent = (event: WorkflowEvent) => {
    applyWorkflowEvent(run, event);
    if (options.json) void put(output.json(event));
  };
  const io = { write, onEvent, signal: stops.signal, hurry: stops.hurry };
  const code = await runWorkflow(plan, io, makeEngineParts);
  if (run.keptDirectory !== undefined && existsSync(paths.work)) directory.keep(paths);
  await output.settled();
  if (stops.isUnread) throw new BrokenPipeError("broken pipe");
  return { exitCode: stops.isLate ? exitCodes.jobTimeout : code, run };
}

function planOf(
  request: WorkflowRequest,
  { source }: RunDirectory,
  { work, events, secrets }: RunPaths,
  options: HereOptions,
): RunPlan {
  mkdirSync(work);
  const hasSecrets = Object.keys(options.secrets).length > 0;
  if (hasSecrets) writeFileSync(secrets, JSON.stringify(options.secrets), { mode: 0o600 });
  return {
    request,
    runId: newId("job"),
    attempt: 1,
    actor: systemUserName(),
    directory: work,
    source,
    cacheDirectory: cacheDirectoryOf(options.env),
    ...(options.actionStore !== undefined && { actionStore: options.actionStore }),
    actionsUrl: DEFAULT_ACTIONS_URL,
    eventsFile: events,
    ...(hasSecrets && { secretsFile: secrets }),
    ...options.machine,
    containerEnvironment: {},
    shellOnFailure: options.shellOnFailure,
  };
}

/** Where caches, artifacts and fetched actions of this account stay. */
function cacheDirectoryOf(env: Env): string {
  const name = "tanvrit-compute";
  if (env.XDG_CACHE_HOME?.startsWith("/")) return join(env.XDG_CACHE_HOME, name);
  return inAccountHome(env, join(process.platform === "darwin" ? "Library/Caches" : ".cache", name));
}
