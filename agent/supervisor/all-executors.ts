import type { JobType } from "../../shared/manifest.ts";
import { DockerExecutor } from "../executors/docker/docker-executor.ts";
import { type ContainerGrants, plainGrants } from "../executors/docker/settings.ts";
import type { Executor } from "../executors/executor.ts";
import { ShellExecutor } from "../executors/shell/shell-executor.ts";
import { type AgentFile, allowOf } from "../profile/agent-file.ts";

/** What executors are told of the process they work in. */
export interface ExecutorSettings {
  /** Names the process's directory for good; what an executor leaves behind is marked with it. */
  agentId: string;
  grants: GrantBook;
}

/** What the owner of the machine grants to jobs beyond limits, as agent.yaml says it. */
export interface Grants extends ContainerGrants {
  /** The variables of the agent's own environment that `registries` refers to. */
  secrets: Record<string, string>;
}

const noGrants: Grants = { ...plainGrants, secrets: {} };

/** The grants of this moment: agent.yaml changes while jobs run. */
export class GrantBook {
  /** What executors look up: this process's own environment, and the secrets that were granted. */
  readonly environment: Record<string, string | undefined>;
  current: Grants = noGrants;

  constructor(environment: Readonly<Record<string, string | undefined>> = process.env) {
    this.environment = { ...environment };
  }

  /** An agent of an earlier version does not say all of it. */
  set(grants: Partial<Grants>): void {
    this.current = { ...noGrants, ...grants };
    Object.assign(this.environment, this.current.secrets);
  }
}

/** What the agent hands on of its file and its environment. */
export function grantsOf(
  file: Pick<AgentFile, "registries" | "docker" | "allow">,
  environment: Readonly<Record<string, string | undefined>>,
  kept: string[],
): Grants {
  const secrets: Record<string, string> = {};
  for (const { passwordEnv } of Object.values(file.registries)) {
    const value = passwordEnv === undefined ? undefined : environment[passwordEnv];
    if (passwordEnv !== undefined && value !== undefined) secrets[passwordEnv] = value;
  }
  return { registries: file.registries, docker: file.docker, allow: allowOf(file), kept, secrets };
}

/** Every executor there is. Whether one can work on this machine, its `probe` says. */
export function createExecutors({ agentId, grants }: ExecutorSettings): ReadonlyMap<JobType, Executor> {
  const executors: Executor[] = [
    new ShellExecutor(),
    new DockerExecutor({
      agentId,
      environment: grants.environment,
      settings: () => grants.current,
    }),
  ];
  return new Map(executors.map((executor) => [executor.jobType, executor]));
}
