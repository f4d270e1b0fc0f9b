import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import { codeOf } from "../../shared/code-of.ts";
import type { LimitEnforcement } from "./limit-enforcer.ts";
import type { TaskLimits } from "./limits.ts";

/** The part of a machine's control groups that is used for jobs: version 1 or 2. */
export interface CgroupTree {
  /** "none" for a limit without a controller. */
  readonly enforcement: LimitEnforcement;
  /** Creates the group of one job and sets its limits. Throws if that fails, and leaves nothing behind. */
  create(executionId: string, limits: TaskLimits): Cgroup;
  /** The group of an execution that an earlier process left, if any. */
  find(executionId: string): Cgroup | undefined;
}

/** The group of one job. Numbers are 0 if the kernel does not count. */
export interface Cgroup {
  /** A process that writes its id into each of these files is in the group. */
  readonly entrances: readonly string[];
  pids(): number[];
  /** Kills every process in the group. Call it again while `pids` returns any. */
  kill(): void;
  /** Processes killed because this group was full. If the kernel does not tell: killed for any lack of memory. */
  oomKills(): number;
  peakBytes(): number;
  /** What it holds now, without pages of files that the kernel can take back at any time. */
  heldBytes(): number;
  cpuSeconds(): number;
  refusedStarts(): number;
  /** false: the group is not empty. */
  remove(): boolean;
}

/** The name of a job's group, below the group of this process. */
export function groupName(executionId: string): string {
  return `tanvrit-${executionId}`;
}

/** Access to the files of control groups. An interface because tests have no other kernel at hand. */
export interface CgroupFiles {
  /** undefined: the file does not exist, or may not be read. */
  read(path: string): string | undefined;
  write(path: string, text: string): void;
  make(path: string): void;
  /** false: the group is not empty. */
  remove(path: string): boolean;
  /** The groups in a group; empty if the group does not exist. */
  children(path: string): string[];
  isWritable(path: string): boolean;
}

export const kernelFiles: CgroupFiles = {
  read(path) {
    try {
      return readFileSync(path, "latin1");
    } catch {
      return undefined; // Missing or not readable; the contract treats both the same.
    }
  },
  write: (path, text) => writeFileSync(path, text),
  make: (path) => mkdirSync(path),
  remove(path) {
    try {
      rmdirSync(path);
      return true;
    } catch (error) {
      return codeOf(error) === "ENOENT";
    }
  },
  children(path) {
    try {
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => `${path}/${entry.name}`);
    } catch {
      return []; // The group is gone.
    }
  },
  isWritable(path) {
    try {
      accessSync(path, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false; // Not allowed, read-only, or missing: all the same to the caller.
    }
  },
};

/** The processes in a group, including the groups that a job made inside it. */
export function pidsIn(files: CgroupFiles, path: string): number[] {
  const lines = (files.read(`${path}/cgroup.procs`) ?? "").split("\n");
  // The kernel lists a process in another namespace as 0, and a signal to 0 would hit this process's own group.
  const own = lines.map(Number).filter((pid) => pid > 0);
  return [...own, ...files.children(path).flatMap((child) => pidsIn(files, child))];
}

/** Removes a group and the groups inside it. false: they are not empty. */
export function removeGroup(files: CgroupFiles, path: string): boolean {
  for (const child of files.children(path)) removeGroup(files, child);
  return files.remove(path);
}

/** The period over which a CPU limit applies; the kernel's default. */
export const CPU_PERIOD_US = 100_000;
/** The smallest quota that the kernel accepts. */
const MIN_QUOTA_US = 1_000;

/** The share of each period for this many cores. */
export function cpuQuotaUs(cores: number): number {
  return Math.max(MIN_QUOTA_US, Math.round(cores * CPU_PERIOD_US));
}

/** The number after a name, in a file with lines of the form `name number`. */
export function counter(text: string | undefined, name: string): number {
  for (const line of (text ?? "").split("\n")) {
    if (line.startsWith(`${name} `)) return Number(line.slice(name.length + 1)) || 0;
  }
  return 0;
}

/** A mounted hierarchy: where it is, and which part of it the mount shows. */
export interface CgroupMount {
  kind: "cgroup" | "cgroup2";
  path: string;
  root: string;
  controllers: string[];
}

/** Reads /proc/self/mountinfo. */
export function cgroupMounts(mountinfo: string): CgroupMount[] {
  const mounts: CgroupMount[] = [];
  for (const line of mountinfo.split("\n")) {
    const [left = "", right = ""] = line.split(" - ");
    const [kind = "", , options = ""] = right.split(" ");
    if (kind !== "cgroup" && kind !== "cgroup2") continue;
    const [, , , root = "/", path = ""] = left.split(" ").map(unescaped);
    mounts.push({ kind, path, root, controllers: options.split(",") });
  }
  return mounts;
}

/** A process's group in each hierarchy, by controller; "" is version 2. Reads /proc/PID/cgroup. */
export function ownGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(",")) groups.set(controller, path);
  }
  return groups;
}

/** The directory of a group in a mount; undefined if the mount does not show it. */
export function groupDirectory(mount: CgroupMount, group: string): string | undefined {
  if (mount.root === "/") return join(mount.path, group);
  // In a container the mount begins at the container's own group.
  if (group === mount.root) return mount.path;
  if (group.startsWith(`${mount.root}/`)) return join(mount.path, group.slice(mount.root.length));
  // In a cgroup namespace, the path is already relative to the mount.
  return group.startsWith("/..") ? undefined : join(mount.path, group);
}

function join(path: string, group: string): string {
  return group === "/" ? path : `${path}${group}`;
}

/** Decodes spaces and other characters that mountinfo writes in octal. */
export function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
