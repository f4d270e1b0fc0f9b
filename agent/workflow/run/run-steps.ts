import { mkdir, writeFile } from "node:fs/promises";
import { arch } from "node:os";
import { join } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import { evaluateToken, toData } from "../expressions/evaluate.ts";
import type { JobDirectories, JobOutcome, JobPlan } from "../job.ts";
import { githubVariables } from "../trigger/github-context.ts";
import { githubData, scopeOf } from "./frame-scope.ts";
import type { ReadyLeg } from "./leg.ts";
import { remove, workDirectory } from "./work-directories.ts";

const DEFAULT_MINUTES = 360;

/** Runs the steps of one job in directories of its own. Never throws: what goes wrong is annotated. */
export async function runSteps(start: ReadyLeg): Promise<JobOutcome> {
  const { run, leg } = start;
  const report = run.recorder.reportOf(leg.key);
  const top = workDirectory(run.plan, run.nextDirectory());
  try {
    const plan = await planOf(start, top);
    const services = await run.parts.servicesFor(plan, report);
    return await run.parts.runJob(plan, services, start.cancel);
  } catch (error) {
    report.annotate({ level: "failure", message: textOf(error) });
    return { conclusion: "failure", outputs: {} };
  } finally {
    // Whether the run fails, and its directory is kept, is known only at its end.
    if (!run.plan.request.keepOnFailure) await remove(top, run.recorder);
  }
}

async function planOf(start: ReadyLeg, top: string): Promise<JobPlan> {
  const { run, frame, job, leg, contexts, name } = start;
  const directories = await makeDirectories(start, top);
  const eventPath = join(directories.commands, "event.json");
  await writeFile(eventPath, JSON.stringify(run.github.event ?? {}), { mode: 0o600 });
  const more = { job: job.id, workspace: directories.workspace, event_path: eventPath };
  const secrets = frame.secrets;
  return {
    key: leg.key,
    name,
    definition: job,
    workflow: frame.loaded.workflow,
    contexts: { ...contexts, github: githubData(run, more), secrets: toData(secrets) },
    secretValues: Object.values(secrets),
    fixedEnv: {
      ...githubVariables({ ...run.github, ...more }),
      ...runnerVariables(directories),
    },
    givenEnv: run.plan.request.env ?? {},
    directories,
    timeoutMs: timeoutOf(start),
  };
}

async function makeDirectories({ run }: ReadyLeg, top: string): Promise<JobDirectories> {
  const repository = String(run.github.repository).split("/")[1] ?? "repository";
  const directories = {
    workspace: join(top, repository, repository),
    temp: join(top, "_temp"),
    toolCache: join(run.plan.cacheDirectory, "tools"),
    commands: join(top, "_commands"),
    actions: join(top, "_actions"),
  };
  for (const directory of Object.values(directories)) await mkdir(directory, { recursive: true });
  return { ...directories, source: run.plan.source };
}

function timeoutOf({ job, contexts }: ReadyLeg): number {
  if (job.timeoutMinutes === undefined) return DEFAULT_MINUTES * 60_000;
  const minutes = Number(evaluateToken(job.timeoutMinutes, scopeOf(contexts)));
  if (!Number.isFinite(minutes) || minutes <= 0) {
    throw new Error(`timeout-minutes of job ${job.id} must be a number above 0.`);
  }
  return minutes * 60_000;
}

const systems: Partial<Record<NodeJS.Platform, string>> = {
  linux: "Linux",
  darwin: "macOS",
  win32: "Windows",
};
const archs: Partial<Record<string, string>> = { x64: "X64", arm64: "ARM64", arm: "ARM", ia32: "X86" };

function runnerVariables({ temp, toolCache, workspace }: JobDirectories): Record<string, string> {
  return {
    RUNNER_OS: systems[process.platform] ?? process.platform,
    RUNNER_ARCH: archs[arch()] ?? arch().toUpperCase(),
    RUNNER_NAME: "tanvrit-compute",
    RUNNER_ENVIRONMENT: "self-hosted",
    RUNNER_TEMP: temp,
    RUNNER_TOOL_CACHE: toolCache,
    RUNNER_WORKSPACE: join(workspace, ".."),
  };
}
