import { type JobType, jobType } from "../../shared/job-fields.ts";
import { DockerExecutor, type DockerExecutorOptions } from "./docker/docker-executor.ts";
import type { Executor } from "./port/executor.ts";
import { ShellExecutor } from "./shell/shell-executor.ts";
import { WorkflowExecutor } from "./workflow/workflow-executor.ts";

/** What executors get from the process that runs them. */
export interface ExecutorSettings extends DockerExecutorOptions {
  /** The engine of workflows: the program and its arguments before the path of the plan. */
  workflowEngine: readonly string[];
}

/** The detected facts that decide which executors work. */
export interface ExecutorNeeds {
  /** The container engine that answers; absent: none. */
  docker?: { osType: string };
}

interface ExecutorKind {
  create(settings: ExecutorSettings, shell: ShellExecutor): Executor;
  /** Whether its probe succeeds on this machine. The agent runs no executors, so it decides by what it detected. */
  worksOn(machine: ExecutorNeeds): boolean;
}

/** All executors by job type. The supervisor runs them, and the agent announces the job types of those that work. */
const kinds: Record<JobType, ExecutorKind> = {
  COMMAND: {
    create: (_, shell) => shell,
    // It can run argument vectors even if there is no shell.
    worksOn: () => true,
  },
  DOCKER: {
    create: (settings) => new DockerExecutor(settings),
    worksOn: ({ docker }) => docker !== undefined && DockerExecutor.canUse(docker),
  },
  GITHUB_ACTION: {
    create: ({ workflowEngine }, shell) => new WorkflowExecutor(shell, workflowEngine),
    worksOn: () => true,
  },
};

export function createExecutors(settings: ExecutorSettings): ReadonlyMap<JobType, Executor> {
  const shell = new ShellExecutor();
  return new Map(jobType.options.map((type) => [type, kinds[type].create(settings, shell)]));
}

/** The job types that this machine can run. */
export function jobTypesOn(machine: ExecutorNeeds): JobType[] {
  return jobType.options.filter((type) => kinds[type].worksOn(machine));
}
