import { posix } from "node:path";
import { type Environment, EXECUTION_VARIABLE } from "../../process/environment.ts";
import type { Task } from "./executor.ts";
import { gpuEnvironment } from "./gpu-environment.ts";
import { RESULTS_FILE } from "./results-file.ts";

/**
 * The variables of a job's process: the allowed part of the agent's, results of other jobs, the job's own, its secrets, the
 * variables for its GPUs, and the ones that identify the job. A job cannot overwrite the last two kinds.
 */
export function jobEnvironment(
  task: Pick<Task, "environment" | "assignment" | "gpus" | "dir" | "account" | "results" | "secrets">,
): Environment {
  const { executionId, jobId, attempt, manifest } = task.assignment;
  const env: Environment = {
    ...environmentFor(task),
    ...task.results,
    ...manifest.env,
    ...task.secrets,
    ...gpuEnvironment(task.gpus),
  };
  env.TANVRIT_JOB_ID = jobId;
  env[EXECUTION_VARIABLE] = executionId;
  env.TANVRIT_JOB_DIR = task.dir;
  env.TANVRIT_RESULTS = posix.join(task.dir, RESULTS_FILE);
  env.TANVRIT_ATTEMPT = String(attempt);
  if (manifest.name !== undefined) env.TANVRIT_JOB_NAME = manifest.name;
  return env;
}

/** Another account has its own home, and may not be able to write to the agent's TMPDIR. */
function environmentFor({ environment, account }: Pick<Task, "environment" | "account">): Environment {
  if (!account) return environment;
  const { TMPDIR: _, ...rest } = environment;
  const { name, home, shell } = account;
  return { ...rest, HOME: home, USER: name, LOGNAME: name, SHELL: shell };
}
