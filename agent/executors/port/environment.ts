import { type Environment, EXECUTION_VARIABLE } from "../../process/environment.ts";
import type { Task } from "./executor.ts";
import { gpuEnvironment } from "./gpu-environment.ts";

/**
 * What a job's process sees: the allowed part, the job's own, its GPUs, and who it is. The last two cannot be
 * overwritten by the job.
 */
export function jobEnvironment(
  task: Pick<Task, "environment" | "assignment" | "gpus" | "dir" | "account">,
): Environment {
  const { executionId, jobId, attempt, manifest } = task.assignment;
  const env: Environment = { ...environmentFor(task), ...manifest.env, ...gpuEnvironment(task.gpus) };
  env.TANVRIT_JOB_ID = jobId;
  env[EXECUTION_VARIABLE] = executionId;
  env.TANVRIT_JOB_DIR = task.dir;
  env.TANVRIT_ATTEMPT = String(attempt);
  if (manifest.name !== undefined) env.TANVRIT_JOB_NAME = manifest.name;
  return env;
}

/** Another account has a home of its own, and may not write where the agent's temporary files are. */
function environmentFor({ environment, account }: Pick<Task, "environment" | "account">): Environment {
  if (!account) return environment;
  const { TMPDIR: _, ...rest } = environment;
  const { name, home, shell } = account;
  return { ...rest, HOME: home, USER: name, LOGNAME: name, SHELL: shell };
}
