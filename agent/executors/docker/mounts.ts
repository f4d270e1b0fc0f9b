import { accessSync, constants, existsSync, realpathSync } from "node:fs";
import { posix } from "node:path";
import { accessTo, isWithin } from "../../../shared/allow.ts";
import { codeOf } from "../../../shared/code-of.ts";
import type { DockerMount } from "../../../shared/docker.ts";
import { StartFailedError } from "../port/executor.ts";

/** A mount in the engine's format. */
export interface EngineMount {
  Type: DockerMount["type"];
  Source?: string;
  Target: string;
  ReadOnly: boolean;
  BindOptions?: { Propagation: "rprivate" };
}

export interface MountRules {
  /** `allow.mounts` from agent.yaml. */
  allowed: readonly string[];
  /** Whether the engine's own socket may be mounted like any other file. */
  allowSocket: boolean;
  /** The sockets of engines. */
  sockets: readonly string[];
  /** Directories with the agent's key and its owner's sign-ins. */
  kept: readonly string[];
}

/**
 * Checks that the node's owner allows the mounts of a job, and that the agent's own account may read or write them. Named
 * volumes are left to `prepareVolumes`. Throws StartFailedError.
 */
export function checkMounts(mounts: readonly DockerMount[], rules: MountRules): EngineMount[] {
  return mounts.map((mount) => {
    const { type: Type, target: Target, readOnly: ReadOnly, source } = mount;
    if (Type !== "bind")
      return { Type, Target, ReadOnly, ...(source === undefined ? {} : { Source: source }) };
    const Source = checkBind(source ?? "", ReadOnly, rules);
    return { Type, Source, Target, ReadOnly, BindOptions: { Propagation: "rprivate" } };
  });
}

/** Returns the path without links, so that the engine opens exactly what was checked. */
function checkBind(source: string, readOnly: boolean, rules: MountRules): string {
  const refuse = (why: string): never => {
    throw new StartFailedError(`The job may not mount ${source}: ${why}.`);
  };
  const access = accessTo(rules.allowed, posix.normalize(source));
  if (access === undefined) refuse("the owner of this node does not allow it (allow.mounts in agent.yaml)");
  const path = realPath(source, source);
  const real = accessTo(
    rules.allowed.map((rule) => realRule(rule)),
    path,
  );
  if (real === undefined) {
    refuse(`it leads to ${path}, which the owner of this node does not allow (allow.mounts in agent.yaml)`);
  }
  if (!readOnly && (access === "ro" || real === "ro")) {
    refuse("the owner of this node allows only reading it (allow.mounts in agent.yaml); mount it readonly");
  }
  if (!rules.allowSocket && rules.sockets.some((socket) => isWithin(realPathOr(socket), path))) {
    refuse("with it a job could command the engine, and so the machine (docker.allowSocket in agent.yaml)");
  }
  const kept = rules.kept
    .filter((dir) => existsSync(dir))
    .map(realPathOr)
    .find((dir) => isWithin(path, dir) || isWithin(dir, path));
  if (kept !== undefined) refuse(`the agent's own files are in ${kept}, and no job may use them`);
  try {
    accessSync(path, readOnly ? constants.R_OK : constants.R_OK | constants.W_OK);
  } catch {
    refuse(`the agent's own account may not ${readOnly ? "read" : "write"} it`);
  }
  return path;
}

/** The same rule for the path without links. */
function realRule(rule: string): string {
  const [, dir = "", rest = ""] = /^(.*?)((?:\/\*\*)?(?::r[ow])?)$/s.exec(rule) ?? [];
  return `${realPathOr(dir === "" ? "/" : dir)}${rest}`;
}

function realPath(path: string, asked: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const code = codeOf(error);
    const why =
      code === "ENOENT" ? "does not exist on this node" : `cannot be reached on this node (${code})`;
    throw new StartFailedError(`The job mounts ${asked}, which ${why}.`);
  }
}

function realPathOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // A path that does not exist cannot be mounted anyway.
    return path;
  }
}
