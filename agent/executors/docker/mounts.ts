import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { sep } from "node:path";
import type { DockerMount } from "../../../shared/docker.ts";
import { StartFailedError } from "../executor.ts";
import type { DockerGrants } from "./settings.ts";

/** A mount as the engine takes it. */
export interface EngineMount {
  Type: DockerMount["type"];
  Source?: string;
  Target: string;
  ReadOnly: boolean;
  BindOptions?: { Propagation: "rprivate" };
}

export interface MountRules {
  grants: DockerGrants;
  /** The sockets by which engines are spoken to. */
  sockets: readonly string[];
  /**
   * The engine has more of the machine than this account, so that its containers could read and write below a mount
   * what the account may not.
   */
  engineIsMightier: boolean;
  /** The agent's own account. */
  uid: number;
}

/**
 * The mounts a job asks for, if it may have them: a container gets no more of the machine than a command under the
 * agent's account would. Throws StartFailedError.
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

/** The path as it is without links, so that the engine opens what was looked at. */
function checkBind(source: string, readOnly: boolean, rules: MountRules): string {
  const path = realPath(source, source);
  const refuse = (why: string): never => {
    throw new StartFailedError(`The job may not mount ${source}: ${why}.`);
  };
  if (!rules.grants.allowSocket && rules.sockets.some((socket) => isWithin(realPathOr(socket), path))) {
    refuse(
      "through it a job could command the engine, and so the machine (docker.allowSocket in agent.yaml)",
    );
  }
  try {
    accessSync(path, readOnly ? constants.R_OK : constants.R_OK | constants.W_OK);
  } catch {
    refuse(`the agent's own account may not ${readOnly ? "read" : "write"} it`);
  }
  if (!rules.engineIsMightier || rules.grants.mounts.some((granted) => isWithin(path, realPathOr(granted))))
    return path;
  if (statSync(path).uid !== rules.uid) {
    refuse(
      "it belongs to another account, and the engine would not keep to that account's rights (docker.mounts in agent.yaml)",
    );
  }
  return path;
}

function realPath(path: string, asked: string): string {
  try {
    return realpathSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT" ? "does not exist on this node" : `cannot be reached on this node (${code})`;
    throw new StartFailedError(`The job mounts ${asked}, which ${why}.`);
  }
}

function realPathOr(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // What is not there cannot be mounted either.
    return path;
  }
}

function isWithin(path: string, dir: string): boolean {
  return path === dir || path.startsWith(dir.endsWith(sep) ? dir : dir + sep);
}
