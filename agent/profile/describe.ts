import type { JobType } from "../../shared/job-fields.ts";
import type { Labels } from "../../shared/labels.ts";
import { limits as sharedLimits } from "../../shared/limits.ts";
import type { NodeDescription } from "../../shared/node.ts";
import { bareMachine, withGpuCount } from "../detectors/detect.ts";
import type { MachineFacts } from "../detectors/machine-facts.ts";
import { jobTypesOn } from "../executors/all-executors.ts";
import { type AgentFile, allowOf } from "./agent-file.ts";

export interface NodeSettings {
  /** From a flag, a variable or agent.yaml. */
  name?: string;
  slots?: number;
  pool: string;
  /** From flags. They win over the labels of agent.yaml, which win over detected labels. */
  labels: Labels;
  file: AgentFile;
  agentVersion: string;
}

/**
 * What this machine announces about itself, within what its owner allows. `enforcedBy` says in words what enforces the
 * caps.
 */
export function describeNode(
  settings: NodeSettings,
  machine: MachineFacts = bareMachine(),
  enforcedBy = "nothing",
): NodeDescription {
  const { limits } = settings.file;
  const { host, gpus, labels } = withGpuCount(machine, limits.gpuCount);
  return {
    name: settings.name ?? host.hostname,
    labels: mergedLabels(labels, { ...settings.file.labels, ...settings.labels }),
    pool: settings.pool,
    capacity: {
      cpu: Math.min(limits.cpu ?? host.cpuCount, host.cpuCount),
      memoryMb: Math.min(limits.memoryMb ?? host.memoryMb, host.memoryMb),
      gpuCount: gpus.length,
      slots: settings.slots ?? host.cpuCount,
    },
    jobTypes: allowedJobTypes(machine, settings.file),
    allow: allowOf(settings.file),
    caps: { ...limits, enforcedBy },
    agentVersion: settings.agentVersion,
  };
}

function allowedJobTypes(machine: MachineFacts, { allow }: AgentFile): JobType[] {
  return jobTypesOn(machine).filter((type) => allow.executors?.includes(type) ?? true);
}

/** The owner's labels come first. When there is no room for all, the last of the detected labels are left out. */
function mergedLabels(detected: Labels, own: Labels): Labels {
  const others = Object.entries(detected).filter(([key]) => !Object.hasOwn(own, key));
  const room = Math.max(0, sharedLimits.maxLabels - Object.keys(own).length);
  return { ...Object.fromEntries(others.slice(0, room)), ...own };
}
