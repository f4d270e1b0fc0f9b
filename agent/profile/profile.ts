import { counted } from "../../shared/counted.ts";
import type { NodeDescription } from "../../shared/node.ts";
import type { TaskGpu } from "../executors/port/executor.ts";
import type { JobAccount } from "../process/account.ts";
import type { AgentFile } from "./agent-file.ts";

/** What of a machine comes and goes without anybody telling. */
export interface SeenMachine {
  /** A container engine answered. */
  engine: boolean;
  /** No GPU is known, and a tool that lists them failed: a machine that has just started may need longer than it got. */
  brokenGpus: boolean;
}

/** What the owner of the machine gives to jobs, made of options, agent.yaml and what was found on the machine. */
export interface NodeProfile {
  description: NodeDescription;
  /** Nobody gave the node a name: it goes by the host's. */
  isNameOfHost?: boolean;
  /** agent.yaml, or its defaults where there is none. */
  file: AgentFile;
  /** The path of the agent.yaml it was read from; absent: there is none. */
  filePath?: string;
  /** The account that jobs run as; absent: the agent's own. */
  account?: JobAccount | undefined;
  /** All of the machine, by the index that the server knows them by; it gives out no more than are announced. */
  gpus: readonly TaskGpu[];
  /** Absent: nobody looks at the machine again by itself. */
  seen?: SeenMachine;
}

/** How much is read anew, the least first. */
export type ReadWhat = "settings" | "missing" | "machine";

/** Where a running agent reads its profile anew. */
export interface ProfileSource {
  /** The agent.yaml that counts; it need not be there. */
  path: string;
  /**
   * `machine`: also look anew at what the machine has; `missing`: only at what may have come or gone. Throws an Error
   * that says what is wrong: in a file with its line and field.
   */
  read(what: ReadWhat): Promise<NodeProfile>;
  /** Calls the listener whenever the owner asks that everything is read anew. */
  onAsked(listener: () => void): void;
}

/** In two sentences: what counts here, for the owner who looks at the agent's log. */
export function profileInWords({ description, filePath, account }: NodeProfile): string {
  const { capacity, jobTypes, pool, caps } = description;
  const gives = [
    ...[
      `${counted(capacity.slots, "job")} at once (${jobTypes.join(", ") || "of no type"})`,
      counted(capacity.cpu, "core"),
      `${capacity.memoryMb} MiB`,
    ],
    counted(capacity.gpuCount, "GPU"),
    ...(pool === "default" ? [] : [`pool ${pool}`]),
  ];
  const each = [
    caps?.cpu !== undefined && counted(caps.cpu, "core"),
    caps?.memoryMb !== undefined && `${caps.memoryMb} MiB`,
    caps?.pids !== undefined && `${caps.pids} processes`,
  ].filter(Boolean);
  const cap = each.length > 0 ? `Each job has at most ${each.join(", ")}` : "Jobs have no caps but their own";
  const by = caps ? `, kept by ${caps.enforcedBy}` : "";
  const who = account ? ` Jobs run as ${account.name}.` : "";
  return `${filePath ? `As ${filePath} says` : "Without an agent.yaml"}: ${gives.join(", ")}. ${cap}${by}.${who}`;
}
