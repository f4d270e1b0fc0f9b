import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { AgentError, textOf } from "./agent-log.ts";

/** Where an agent keeps what must outlive it. */
export interface StateDir {
  lock: string;
  nodeFile: string;
  outbox: string;
  spool: string;
  work: string;
}

/** Makes what is missing; throws AgentError where it may not. */
export function openStateDir(root: string): StateDir {
  const dirs = { outbox: join(root, "outbox"), spool: join(root, "spool"), work: join(root, "work") };
  try {
    for (const dir of [root, ...Object.values(dirs)]) mkdirSync(dir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw new AgentError(`Cannot make the agent's directory ${root}: ${textOf(error)}.`, { cause: error });
  }
  return { ...dirs, lock: join(root, "lock"), nodeFile: join(root, "node.json") };
}

/** The executions that have a directory from an earlier run. */
export function leftWork(work: string): string[] {
  return readdirSync(work);
}
