import { existsSync, mkdirSync, realpathSync, renameSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../../shared/logger.ts";
import { directoryDigest } from "./machine.ts";
import { readNodeFile } from "./node-file.ts";
import { statePaths } from "./state-dir.ts";

/**
 * Where the state directory `root` comes from, according to its node file. `own`: its content belongs to this agent, or
 * it is new. `copy`: it is a copy of a directory that still exists. `elsewhere`: it was written for another directory
 * or on another machine, so it was copied or moved; the server knows whether another agent has the node.
 */
export type Origin = "own" | "copy" | "elsewhere";

export function originOf(root: string): Origin {
  const { directory, path, nodeId } = readNodeFile(statePaths(root).nodeFile) ?? {};
  if (directory === undefined || directory === directoryDigest(root)) return "own";
  return path !== undefined && isStillThere(path, directory, nodeId) ? "copy" : "elsewhere";
}

/** The fields of the node file that identify the directory. */
export function ownDirectory(root: string): { directory: string; path: string } {
  return { directory: directoryDigest(root), path: realpathSync(root) };
}

/**
 * Makes sure that an agent takes over only its own executions. In a copied directory the executions belong to the
 * agent of the original: their copied files are set aside, so that the clean-up after an earlier run does not touch
 * them. The caller must hold the lock of the directory.
 */
export function setForeignAside(root: string, log: Logger): Origin {
  const origin = originOf(root);
  if (origin === "own") return origin;
  const { nodeFile, supervisors } = statePaths(root);
  const { path, nodeId } = readNodeFile(nodeFile) ?? {};
  const aside = join(root, `copied-${new Date().toISOString().replaceAll(":", "")}`);
  mkdirSync(aside, { mode: 0o700 });
  // A directory that was moved here keeps its node, unless another agent has it.
  const others = origin === "copy" ? [nodeFile] : [];
  for (const from of [supervisors, join(root, "agent-id"), ...others]) {
    if (existsSync(from)) renameSync(from, join(aside, from.slice(root.length + 1)));
  }
  const what =
    origin === "copy"
      ? `${root} is a copy of ${path}, the directory of node ${nodeId}: this agent becomes a node of its own.`
      : `${root} was written for ${path ?? "another directory"}, maybe on another machine.`;
  log.warn(
    `${what} Its jobs are left to the agent there; their copied files are in ${aside} and may be removed.`,
  );
  return origin;
}

function isStillThere(path: string, directory: string, nodeId: string | undefined): boolean {
  try {
    return directoryDigest(path) === directory && readNodeFile(statePaths(path).nodeFile)?.nodeId === nodeId;
  } catch {
    return false; // It was removed or moved, or belongs to another account.
  }
}
