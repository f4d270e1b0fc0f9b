import type { Labels } from "../shared/labels.ts";
import type { NodeDescription } from "../shared/node.ts";
import type { AgentFile } from "./agent-file.ts";
import { detectHost, type HostFacts } from "./detectors/host.ts";

export interface NodeSettings {
  /** By flag, variable or file. */
  name?: string;
  slots?: number;
  pool: string;
  /** By flag; they win over the file's, and those over what is detected. */
  labels: Labels;
  file: AgentFile;
  agentVersion: string;
}

/** What this machine announces of itself, within what its owner allows. */
export function describeNode(settings: NodeSettings, host: HostFacts = detectHost()): NodeDescription {
  const { limits } = settings.file;
  return {
    name: settings.name ?? host.hostname,
    labels: { ...host.labels, ...settings.file.labels, ...settings.labels },
    pool: settings.pool,
    capacity: {
      cpu: Math.min(limits.cpu ?? host.cpuCount, host.cpuCount),
      memoryMb: Math.min(limits.memoryMb ?? host.memoryMb, host.memoryMb),
      // Until GPUs are detected there is none to give.
      gpuCount: 0,
      slots: settings.slots ?? host.cpuCount,
    },
    jobTypes: ["COMMAND"],
    agentVersion: settings.agentVersion,
  };
}
