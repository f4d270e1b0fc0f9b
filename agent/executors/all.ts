import type { JobType } from "../../shared/manifest.ts";
import type { Executor } from "./executor.ts";
import { ShellExecutor } from "./shell.ts";

/** What executors are told of the agent they work for. */
export interface ExecutorSettings {
  /** Names this agent's state directory for good; what an executor leaves behind is marked with it. */
  agentId: string;
}

/** Every executor there is. Whether one can work on this machine, its `probe` says. */
export function createExecutors(_settings: ExecutorSettings): ReadonlyMap<JobType, Executor> {
  const executors: Executor[] = [new ShellExecutor()];
  return new Map(executors.map((executor) => [executor.jobType, executor]));
}
