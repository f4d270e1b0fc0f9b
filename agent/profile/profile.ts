import { counted } from "../../shared/counted.ts";
import type { NodeDescription } from "../../shared/node.ts";
import type { TaskGpu } from "../executors/port/executor.ts";
import type { JobAccount } from "../process/account.ts";
import type { AgentFile, ConnectionMode } from "./agent-file.ts";

/** The parts of a machine that come and go without notice. */
export interface SeenMachine {
  /** A container engine answered. */
  engine: boolean;
  /** No GPU is known, and a tool that lists GPUs failed. A machine that has just booted may need longer than it got. */
  brokenGpus: boolean;
}

/** What the owner of the machine gives to jobs, made of options, agent.yaml and what was found on the machine. */
export interface NodeProfile {
  description: NodeDescription;
  /** The node has no name of its own and uses the host's. */
  isNameOfHost?: boolean;
  /** How calls get to the server; absent: as the file says. */
  connection?: ConnectionMode;
  /** agent.yaml, or its defaults when there is no file. */
  file: AgentFile;
  /** The path of the agent.yaml that was read; absent: there is no file. */
  filePath?: string;
  /** The account that jobs run as; absent: the agent's own. */
  account?: JobAccount | undefined;
  /** All GPUs of the machine, by the index that the server uses. It assigns only those that were announced. */
  gpus: readonly TaskGpu[];
  /** Absent: the agent does not look at the machine again by itself. */
  seen?: SeenMachine;
}

/** How much to read again, in ascending order. */
export type ReadWhat = "settings" | "missing" | "machine";

/** Where a running agent reads its profile again. */
export interface ProfileSource {
  /** The agent.yaml in use; the file need not exist. */
  path: string;
  /**
   * `machine`: also looks at the whole machine again. `missing`: looks only at parts that may have come or gone. Throws
   * an Error that says what is wrong, with line and field if it is in a file.
   */
  read(what: ReadWhat): Promise<NodeProfile>;
  /** Calls the listener whenever the owner asks to read everything again. */
  onAsked(listener: () => void): void;
}

/** The settings in force in two sentences, for the agent's log. */
export function profileInWords({ description, filePath, account }: NodeProfile): string {
  const { capacity, jobTypes, pool, caps } = description;
  const gives = [
    `${counted(capacity.slots, "job")} at once (${jobTypes.join(", ") || "no job type"})`,
    counted(capacity.cpu, "core"),
    `${capacity.memoryMb} MiB`,
    counted(capacity.gpuCount, "GPU"),
    ...(pool === "default" ? [] : [`pool ${pool}`]),
  ];
  const each = [
    caps?.cpu !== undefined && counted(caps.cpu, "core"),
    caps?.memoryMb !== undefined && `${caps.memoryMb} MiB`,
    caps?.pids !== undefined && `${caps.pids} processes`,
  ].filter(Boolean);
  const cap =
    each.length > 0 ? `Each job has at most ${each.join(", ")}` : "Jobs have only the limits they ask for";
  const by = caps ? `, enforced by ${caps.enforcedBy}` : "";
  const who = account ? ` Jobs run as ${account.name}.` : "";
  const from = filePath ? `According to ${filePath}` : "Without an agent.yaml";
  return `${from}: ${gives.join(", ")}. ${cap}${by}.${who}`;
}
