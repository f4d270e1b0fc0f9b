import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { codeOf } from "../../shared/code-of.ts";
import { openPrivateDirectory } from "../../shared/private-directory.ts";
import { socketPath } from "../../shared/sockets/socket-path.ts";
import { textOf } from "../../shared/text-of.ts";
import { AgentError } from "../process/agent-error.ts";

/** The directory in which an agent keeps what must outlive it. */
export interface StateDir extends StatePaths {
  /** Identifies this directory for good. Everything that jobs leave behind is marked with it. */
  agentId: string;
}

export interface StatePaths {
  lock: string;
  nodeFile: string;
  /** The socket over which the owner's commands reach a running agent. */
  control: string;
  /** Each supervisor has its own directory in it. */
  supervisors: string;
  /** The files that were fetched for jobs. */
  cache: string;
}

export function statePaths(root: string): StatePaths {
  return {
    lock: join(root, "lock"),
    nodeFile: join(root, "node.json"),
    control: socketPath(root, "control"),
    supervisors: join(root, "supervisors"),
    cache: join(root, "cache"),
  };
}

/** Creates what is missing. Throws AgentError if it cannot. */
export function openStateDir(root: string): StateDir {
  const paths = statePaths(root);
  try {
    openPrivateDirectory(root, ["agent-id"]);
    mkdirSync(paths.supervisors, { recursive: true, mode: 0o700 });
    return { ...paths, agentId: idIn(join(root, "agent-id")) };
  } catch (error) {
    if (error instanceof AgentError) throw error;
    throw new AgentError(`Cannot use the agent's directory ${root}: ${textOf(error)}.`, { cause: error });
  }
}

const uuid = z.uuid();

function idIn(path: string): string {
  try {
    const id = readFileSync(path, "utf8").trim();
    if (uuid.safeParse(id).success) return id;
    // Containers marked with an unknown id would never be removed.
    if (id !== "") throw new AgentError(`${path} is damaged. Remove it; the agent then makes another one.`);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
  }
  const id = randomUUID();
  writeFileAtomic(path, `${id}\n`);
  return id;
}
