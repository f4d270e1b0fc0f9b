import { join } from "node:path";
import type { LeftByAgent } from "../../agent/control/find-agent.ts";
import { type Env, tanvritHome } from "../../shared/config/home.ts";
import { counted } from "../../shared/counted.ts";

/** Where the agent of a workspace keeps its state. */
export function agentStateDir(env: Env, workspace: string): string {
  return join(tanvritHome(env), "agent", workspace);
}

/** How many jobs may still run although the agent does not. */
function jobsLeft({ supervisors }: LeftByAgent): number {
  return supervisors.reduce((sum, one) => sum + one.jobs, 0);
}

/** How many jobs the server does not know to be over, because the agent does not run. */
export function jobsOpen(left: LeftByAgent): number {
  return jobsLeft(left) + left.undelivered + left.lost;
}

/** What the owner must know about an agent that does not run; undefined if it left nothing behind. */
export function leftInWords(left: LeftByAgent): string | undefined {
  const { supervisors, undelivered, lost } = left;
  const jobs = jobsLeft(left);
  const pids = supervisors.map((one) => one.pid).join(", ");
  const sentences = [
    jobs > 0 &&
      `${counted(jobs, "job")} may still run without it, held by process ${pids}: tanvrit-compute agent run takes them over.`,
    undelivered > 0 &&
      `The results of ${counted(undelivered, "job")} are not sent yet: tanvrit-compute agent run sends them.`,
    lost > 0 &&
      `The process that held ${counted(lost, "job")} is gone: tanvrit-compute agent run ends and reports what is left.`,
  ].filter(Boolean);
  return sentences.join("\n") || undefined;
}
