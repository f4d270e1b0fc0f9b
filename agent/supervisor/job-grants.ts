import { type ContainerGrants, plainGrants } from "../executors/docker/settings.ts";
import { type AgentFile, allowOf } from "../profile/agent-file.ts";

/** What the owner of the machine grants to jobs beyond limits, from agent.yaml. */
export interface JobGrants extends ContainerGrants {
  /** The variables of the agent's own environment that `registries` refers to. */
  secrets: Record<string, string>;
}

const noGrants: JobGrants = { ...plainGrants, secrets: {} };

/** The grants in force now: agent.yaml changes while jobs run. */
export class GrantBook {
  /** The variables that executors look up: this process's environment, and the granted secrets. */
  readonly environment: Record<string, string | undefined>;
  current: JobGrants = noGrants;

  constructor(environment: Readonly<Record<string, string | undefined>> = process.env) {
    this.environment = { ...environment };
  }

  /** An agent of an earlier version does not send all of it. */
  set(grants: Partial<JobGrants>): void {
    this.current = { ...noGrants, ...grants };
    Object.assign(this.environment, this.current.secrets);
  }
}

/** The part of the agent's file and environment that the supervisor gets. */
export function grantsOf(
  file: Pick<AgentFile, "registries" | "docker" | "allow">,
  environment: Readonly<Record<string, string | undefined>>,
  kept: string[],
): JobGrants {
  const secrets: Record<string, string> = {};
  for (const { passwordEnv } of Object.values(file.registries)) {
    const value = passwordEnv === undefined ? undefined : environment[passwordEnv];
    if (passwordEnv !== undefined && value !== undefined) secrets[passwordEnv] = value;
  }
  return { registries: file.registries, docker: file.docker, allow: allowOf(file), kept, secrets };
}
