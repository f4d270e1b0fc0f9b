import { type JobType, jobType } from "../../shared/manifest.ts";
import { DockerExecutor, type DockerExecutorOptions } from "./docker/docker-executor.ts";
import type { Executor } from "./port/executor.ts";
import { ShellExecutor } from "./shell/shell-executor.ts";

/** What the process that runs the executors gives them. */
export type ExecutorSettings = DockerExecutorOptions;

/** What the detectors found that decides which executors can work. */
export interface ExecutorNeeds {
  /** The container engine that answers; absent: none does. */
  docker?: { osType: string };
}

interface ExecutorKind {
  create(settings: ExecutorSettings): Executor;
  /** Whether its probe succeeds on this machine. The agent, which runs no executor, tells it by what it detected. */
  worksOn(machine: ExecutorNeeds): boolean;
}

/** Every executor, by its job type. The agent announces these job types, and the supervisor runs these executors. */
const kinds: Record<JobType, ExecutorKind> = {
  COMMAND: {
    create: () => new ShellExecutor(),
    // Even without a shell, it runs a command that is an argument vector.
    worksOn: () => true,
  },
  DOCKER: {
    create: (settings) => new DockerExecutor(settings),
    worksOn: ({ docker }) => docker !== undefined && DockerExecutor.canUse(docker),
  },
};

export function createExecutors(settings: ExecutorSettings): ReadonlyMap<JobType, Executor> {
  return new Map(jobType.options.map((type) => [type, kinds[type].create(settings)]));
}

/** The types of jobs that this machine can run. */
export function jobTypesOn(machine: ExecutorNeeds): JobType[] {
  return jobType.options.filter((type) => kinds[type].worksOn(machine));
}
