import { randomUUID } from "node:crypto";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { AgentError, textOf } from "./agent-log.ts";
import { writeFileAtomic } from "./journal/atomic-file.ts";

/** Where an agent keeps what must outlive it. */
export interface StateDir {
  lock: string;
  nodeFile: string;
  /** Each supervisor has a directory of its own below it. */
  supervisors: string;
  /** Names this directory for good: what jobs leave behind is marked with it. */
  agentId: string;
}

/** Makes what is missing; throws AgentError where it may not. */
export function openStateDir(root: string): StateDir {
  const supervisors = join(root, "supervisors");
  try {
    for (const dir of [root, supervisors]) mkdirSync(dir, { recursive: true, mode: 0o700 });
    return {
      lock: join(root, "lock"),
      nodeFile: join(root, "node.json"),
      supervisors,
      agentId: idIn(join(root, "agent-id")),
    };
  } catch (error) {
    throw new AgentError(`Cannot make the agent's directory ${root}: ${textOf(error)}.`, { cause: error });
  }
}

function idIn(path: string): string {
  try {
    const id = readFileSync(path, "utf8").trim();
    if (id !== "") return id;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
  const id = randomUUID();
  writeFileAtomic(path, `${id}\n`);
  return id;
}
