import { existsSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../shared/logger.ts";
import { directoryDigest } from "./machine.ts";
import { readNodeFile } from "./node-file.ts";
import { statePaths } from "./state-dir.ts";

/**
 * What the state directory `root` is, by what the file of its node says. `own`: what is in it is this agent's, or it is
 * new. `copy`: the directory that it was copied from is still there. `elsewhere`: it was written for another directory
 * or on another machine, so it may be a copy or have been moved; the server knows whether somebody else is the node.
 */
export type Origin = "own" | "copy" | "elsewhere";

export function originOf(root: string): Origin {
  const { directory, path, nodeId } = readNodeFile(statePaths(root).nodeFile) ?? {};
  if (directory === undefined || directory === directoryDigest(root)) return "own";
  return path !== undefined && isStillThere(path, directory, nodeId) ? "copy" : "elsewhere";
}

/** What is to be written of the directory into the file of its node. */
export function ownDirectory(root: string): { directory: string; path: string } {
  return { directory: directoryDigest(root), path: realpathSync(root) };
}

/**
 * Sees to it that an agent takes up only what is its own. Executions that another directory holds are that agent's:
 * what was copied of them is set aside, and what ends what an earlier run left behind does not know them. Must be
 * called with the lock of the directory.
 */
export function setForeignAside(root: string, log: Logger): Origin {
  const origin = originOf(root);
  if (origin === "own") return origin;
  const { nodeFile, supervisors } = statePaths(root);
  const { path, nodeId } = readNodeFile(nodeFile) ?? {};
  const aside = join(root, `copied-${new Date().toISOString().replaceAll(":", "")}`);
  mkdirSync(aside, { mode: 0o700 });
  // Of one that was moved here the node stays, if nobody else is it.
  const others = origin === "copy" ? [nodeFile] : [];
  for (const from of [supervisors, join(root, "agent-id"), ...others]) {
    if (existsSync(from)) renameSync(from, join(aside, from.slice(root.length + 1)));
  }
  const what =
    origin === "copy"
      ? `${root} is a copy of ${path}, the directory of node ${nodeId}: this agent becomes a node of its own.`
      : `${root} was written for ${path ?? "another directory"}, maybe on another machine.`;
  log.warn(
    `${what} What jobs it holds are left to the agent there; what was copied of them is in ${aside} and may be removed.`,
  );
  return origin;
}

function isStillThere(path: string, directory: string, nodeId: string | undefined): boolean {
  try {
    return directoryDigest(path) === directory && readNodeFile(statePaths(path).nodeFile)?.nodeId === nodeId;
  } catch {
    return false; // It was removed or moved, or is not this account's.
  }
}
