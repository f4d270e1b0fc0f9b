import { readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { nodeId } from "../../shared/ids.ts";
import { AgentError, textOf } from "../agent-log.ts";

/** Which node this agent is, and the key that proves it. */
const nodeFile = z.object({ nodeId, nodeKey: z.string().min(1) });
export type NodeFile = z.infer<typeof nodeFile>;

/** undefined: this agent has never registered. */
export function readNodeFile(path: string): NodeFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new AgentError(`Cannot read ${path}: ${textOf(error)}. Make it readable for this account.`);
  }
  try {
    return nodeFile.parse(JSON.parse(text));
  } catch {
    // The content is left out of the message: it may hold a key.
    throw new AgentError(`${path} is damaged. Remove it; the agent then registers as a new node.`);
  }
}

export function writeNodeFile(path: string, content: NodeFile): void {
  writeFileAtomic(path, `${JSON.stringify(content)}\n`);
}
