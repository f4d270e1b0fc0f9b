import { lookAtMachine } from "../../agent/detectors/detect.ts";
import { detectHost } from "../../agent/detectors/host.ts";
import { agentFile } from "../../agent/profile/agent-file.ts";
import type { RunPlan } from "../../agent/workflow/plan.ts";
import type { Env } from "../../shared/config/home.ts";
import type { Labels } from "../../shared/labels.ts";
import { readAgentFile } from "../agent/settings.ts";
import { CliError } from "../exit/failure.ts";

/** What a run on this machine needs to know of it. */
export type MachineForRuns = Pick<RunPlan, "nodeLabels" | "runsOn"> & Partial<Pick<RunPlan, "actionsUrl">>;

/**
 * The labels of this machine and what its agent.yaml, if it has one, settles for workflows. Throws CliError if the machine
 * lacks a label that is asked for.
 */
export async function thisMachine(env: Env, asked: Labels = {}): Promise<MachineForRuns> {
  const { labels: own, workflows } = agentFile.parse((await readAgentFile({}, env))?.content ?? {});
  const { runsOn, actionsUrl } = workflows;
  const quick = { ...detectHost().labels, ...own };
  const keys = [asked, ...Object.values(runsOn)].flatMap((labels) => Object.keys(labels));
  // Looking for GPUs and the like takes a while, so do it only if somebody asks for what it finds.
  const isEnough = keys.every((key) => Object.hasOwn(quick, key));
  const nodeLabels = isEnough
    ? quick
    : { ...(await lookAtMachine({ environment: env })).machine.labels, ...own };
  for (const [key, value] of Object.entries(asked)) {
    if (nodeLabels[key] === value) continue;
    const has = nodeLabels[key] === undefined ? `has no label ${key}` : `has ${key}=${nodeLabels[key]}`;
    throw new CliError("usage", `--label ${key}=${value}: this machine ${has}`, {
      todo: "Run it on a node that has it, without --here",
    });
  }
  return { nodeLabels, runsOn, ...(actionsUrl !== undefined && { actionsUrl }) };
}
