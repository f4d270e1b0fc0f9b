import { join } from "node:path";
import type { LeftByAgent } from "../../agent/control/find-agent.ts";
import { counted } from "../../shared/counted.ts";
import type { Env } from "../command.ts";
import { tanvritHome } from "../home.ts";

/** Where the agent of a workspace keeps what it must not forget. */
export function agentStateDir(env: Env, workspace: string): string {
  return join(tanvritHome(env), "agent", workspace);
}

/** How many jobs may still run under an agent that is not there. */
export function jobsLeft({ supervisors }: LeftByAgent): number {
  return supervisors.reduce((sum, one) => sum + one.jobs, 0);
}

/** What the owner has to know of an agent that is not there; undefined: nothing is left of it. */
export function leftInWords(left: LeftByAgent): string | undefined {
  const { supervisors, undelivered } = left;
  const jobs = jobsLeft(left);
  const pids = supervisors.map((one) => one.pid).join(", ");
  const parts = [
    jobs > 0 && `${counted(jobs, "job")} may still run without it, held by process ${pids}`,
    undelivered > 0 && `the results of ${counted(undelivered, "job")} wait for it`,
  ].filter(Boolean);
  if (parts.length === 0) return undefined;
  return `${parts.join(", and ")}: tanvrit-compute agent run takes them up.`;
}
