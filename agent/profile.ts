import type { NodeDescription } from "../shared/node.ts";
import type { AgentFile } from "./agent-file.ts";
import type { TaskGpu } from "./executors/executor.ts";

/** What the owner of the machine gives to jobs, made of options, agent.yaml and what was found on the machine. */
export interface NodeProfile {
  description: NodeDescription;
  /** agent.yaml, or its defaults where there is none. */
  file: AgentFile;
  /** The path of the agent.yaml it was read from; absent: there is none. */
  filePath?: string;
  /** All of the machine, by the index that the server knows them by; it gives out no more than are announced. */
  gpus: readonly TaskGpu[];
}

/** Where a running agent reads its profile anew. */
export interface ProfileSource {
  /** The agent.yaml that counts; it need not be there. */
  path: string;
  /**
   * `machine`: also look anew at what the machine has. Throws an Error that says what is wrong: in a file with its line
   * and field.
   */
  read(what: "settings" | "machine"): Promise<NodeProfile>;
  /** Calls the listener whenever the owner asks that everything is read anew. */
  onAsked(listener: () => void): void;
}

/** In one line: what counts here, for the owner who looks at the agent's log. */
export function profileInWords({ description, filePath }: NodeProfile): string {
  const { capacity, jobTypes, pool } = description;
  const gpus = capacity.gpuCount === 1 ? "1 GPU" : `${capacity.gpuCount || "no"} GPUs`;
  const slots = capacity.slots === 1 ? "1 job" : `${capacity.slots} jobs`;
  return (
    `${filePath ? `By ${filePath}` : "No agent.yaml"}: ${slots} at once (${jobTypes.join(", ")}) on ${capacity.cpu} cores, ` +
    `${capacity.memoryMb} MiB, ${gpus}${pool === "default" ? "" : `, pool ${pool}`}. Each job: ${capsInWords(description)}.`
  );
}

/** What each job is held to, and by what. */
export function capsInWords({ caps }: Pick<NodeDescription, "caps">): string {
  if (!caps) return "no limits";
  const parts = [
    caps.cpu !== undefined && `at most ${caps.cpu} cores`,
    caps.memoryMb !== undefined && `${caps.memoryMb} MiB`,
    caps.gpuCount !== undefined && `${caps.gpuCount} GPUs`,
    caps.pids !== undefined && `${caps.pids} processes`,
  ].filter(Boolean);
  return `${parts.join(", ") || "its own limits only"}; enforced by ${caps.enforcedBy}`;
}
