import { readFileSync } from "node:fs";
import { z } from "zod";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { codeOf } from "../../shared/code-of.ts";
import { nodeId } from "../../shared/ids.ts";
import { serverPin } from "../../shared/server-pin.ts";
import { serverKey } from "../../shared/server-proof.ts";
import { textOf } from "../../shared/text-of.ts";
import { AgentError } from "../process/agent-error.ts";

/** The node that this agent is, the key that proves it, and its server. */
const nodeFile = z.object({
  nodeId,
  nodeKey: z.string().min(1),
  /** When this agent got the key; absent in files of earlier versions. */
  keySince: z.iso.datetime().optional(),
  /** A rotation of the key that may have been answered; with this the call is repeated. */
  rotation: z.string().optional(),
  /** The node's server; absent in files of earlier versions. */
  url: z.url().optional(),
  /** The server's public key. Over plain HTTP the node key is sent only to a server that proves to have it. */
  serverKey: serverKey().optional(),
  /** The server's certificate, if no authority signed it: the node key goes only to a server with the same key. */
  pin: serverPin().optional(),
  /** The directory that the file was written for, and its path. In a copy they do not match. */
  directory: z.string().optional(),
  path: z.string().optional(),
});
export type NodeFile = z.infer<typeof nodeFile>;

/** undefined: this agent has never registered. */
export function readNodeFile(path: string): NodeFile | undefined {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    // ENOTDIR: a file is in the place of a directory. The code that creates the directory reports that better.
    if (["ENOENT", "ENOTDIR"].includes(codeOf(error) ?? "")) return undefined;
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
