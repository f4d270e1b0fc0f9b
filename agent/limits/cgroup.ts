import {
  accessSync,
  constants,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  writeFileSync,
} from "node:fs";
import type { LimitEnforcement } from "./limit-keeper.ts";
import type { TaskLimits } from "./limits.ts";

/** A machine's control groups as far as jobs are concerned: version 1 or 2. */
export interface CgroupTree {
  /** A limit that is "none" here has no controller. */
  readonly enforcement: LimitEnforcement;
  /** Makes the group of one job and sets its limits; leaves nothing where that fails. */
  create(executionId: string, limits: TaskLimits): Cgroup;
  /** The group of an execution, if an earlier process left it. */
  find(executionId: string): Cgroup | undefined;
}

/** The group of one job. Numbers are 0 where the kernel does not count. */
export interface Cgroup {
  /** A process that writes its id into each of these files is in the group. */
  readonly entrances: readonly string[];
  pids(): number[];
  /** Kills every process in it. While `pids` are left it has to be called again. */
  kill(): void;
  /** Processes ended because this group was full; where the kernel does not tell, for whatever lack of memory. */
  oomKills(): number;
  peakBytes(): number;
  cpuSeconds(): number;
  refusedStarts(): number;
  /** false: something is still in it. */
  remove(): boolean;
}

/** How a group is named, below the one this process is in. */
export function groupName(executionId: string): string {
  return `tanvrit-${executionId}`;
}

/** The files of control groups; a seam, since a test has no other kernel at hand. */
export interface CgroupFiles {
  /** undefined: there is no such file, or it may not be read. */
  read(path: string): string | undefined;
  write(path: string, text: string): void;
  make(path: string): void;
  /** false: it is not empty. */
  remove(path: string): boolean;
  /** The groups in a group; none where there is no such group. */
  children(path: string): string[];
  isWritable(path: string): boolean;
}

export const kernelFiles: CgroupFiles = {
  read(path) {
    try {
      return readFileSync(path, "latin1");
    } catch {
      return undefined; // The contract: what is not there or not for us has nothing to say.
    }
  },
  write: (path, text) => writeFileSync(path, text),
  make: (path) => mkdirSync(path),
  remove(path) {
    try {
      rmdirSync(path);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === "ENOENT";
    }
  },
  children(path) {
    try {
      return readdirSync(path, { withFileTypes: true })
        .filter((entry) => entry.isDirectory())
        .map((entry) => `${path}/${entry.name}`);
    } catch {
      return []; // It went away.
    }
  },
  isWritable(path) {
    try {
      accessSync(path, constants.W_OK | constants.X_OK);
      return true;
    } catch {
      return false; // Not ours, read-only, or not there: all the same to the caller.
    }
  },
};

/** The processes in a group and in the groups that a job made inside it. */
export function pidsIn(files: CgroupFiles, path: string): number[] {
  const lines = (files.read(`${path}/cgroup.procs`) ?? "").split("\n");
  // One that cannot be seen from here stands there as 0, and a signal to 0 is one to ourselves.
  const own = lines.map(Number).filter((pid) => pid > 0);
  return [...own, ...files.children(path).flatMap((child) => pidsIn(files, child))];
}

/** Removes a group and those inside it. false: something is still there. */
export function removeGroup(files: CgroupFiles, path: string): boolean {
  for (const child of files.children(path)) removeGroup(files, child);
  return files.remove(path);
}

/** Over so long a CPU limit is kept; the kernel's own default. */
export const CPU_PERIOD_US = 100_000;
/** The smallest quota that the kernel takes. */
const MIN_QUOTA_US = 1_000;

/** What so many cores are of each period. */
export function cpuQuotaUs(cores: number): number {
  return Math.max(MIN_QUOTA_US, Math.round(cores * CPU_PERIOD_US));
}

/** The number behind a name in a file of `name number` lines. */
export function counter(text: string | undefined, name: string): number {
  for (const line of (text ?? "").split("\n")) {
    if (line.startsWith(`${name} `)) return Number(line.slice(name.length + 1)) || 0;
  }
  return 0;
}

/** Where a mounted hierarchy is, and which part of it the mount shows. */
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

/** A process's group in each hierarchy, by controller; version 2 stands under "". Reads /proc/PID/cgroup. */
export function ownGroups(text: string): Map<string, string> {
  const groups = new Map<string, string>();
  for (const line of text.split("\n")) {
    const [, controllers, path] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === undefined || path === undefined) continue;
    for (const controller of controllers.split(",")) groups.set(controller, path);
  }
  return groups;
}

/** The directory of a group in a mount; undefined where the mount does not show it. */
export function groupDirectory(mount: CgroupMount, group: string): string | undefined {
  if (mount.root === "/") return join(mount.path, group);
  // In a container the mount begins at the container's own group.
  if (group === mount.root) return mount.path;
  if (group.startsWith(`${mount.root}/`)) return join(mount.path, group.slice(mount.root.length));
  // With a namespace of its own, the path counts from the mount already.
  return group.startsWith("/..") ? undefined : join(mount.path, group);
}

function join(path: string, group: string): string {
  return group === "/" ? path : `${path}${group}`;
}

/** Spaces and the like are written in octal there. */
export function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
