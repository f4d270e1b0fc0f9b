import { send } from "../process/process-tree.ts";
import {
  type Cgroup,
  type CgroupFiles,
  type CgroupTree,
  CPU_PERIOD_US,
  cgroupMounts,
  counter,
  cpuQuotaUs,
  groupDirectory,
  groupName,
  kernelFiles,
  ownGroups,
  pidsIn,
  removeGroup,
} from "./cgroup.ts";
import type { LimitEnforcement } from "./limit-enforcer.ts";
import type { TaskLimits } from "./limits.ts";

const CONTROLLERS = ["memory", "cpu", "cpuacct", "pids"] as const;
type Controller = (typeof CONTROLLERS)[number];
type Directories = Partial<Record<Controller, string>>;

export interface CgroupV1Paths {
  mountinfo?: string;
  selfCgroup?: string;
}

/**
 * The version 1 hierarchies in which this process may create groups, each below its own group. undefined: there is none
 * that could enforce a limit.
 */
export function findCgroupV1(paths: CgroupV1Paths = {}, files = kernelFiles): CgroupTree | undefined {
  const mounts = cgroupMounts(files.read(paths.mountinfo ?? "/proc/self/mountinfo") ?? "");
  const own = ownGroups(files.read(paths.selfCgroup ?? "/proc/self/cgroup") ?? "");
  const directories: Directories = {};
  for (const controller of CONTROLLERS) {
    const mount = mounts.find((one) => one.kind === "cgroup" && one.controllers.includes(controller));
    const group = own.get(controller);
    const path = mount && group !== undefined ? groupDirectory(mount, group) : undefined;
    if (path && files.isWritable(path)) directories[controller] = path;
  }
  const { memory, cpu, pids } = directories;
  return memory || cpu || pids ? new CgroupV1(directories, files) : undefined;
}

class CgroupV1 implements CgroupTree {
  readonly enforcement: LimitEnforcement;

  constructor(
    private readonly directories: Directories,
    private readonly files: CgroupFiles,
  ) {
    this.enforcement = {
      cpu: directories.cpu ? "kernel" : "none",
      memory: directories.memory ? "kernel" : "none",
      pids: directories.pids ? "kernel" : "none",
      enforcedBy: `cgroup v1 at ${directories.memory ?? directories.cpu ?? directories.pids}`,
    };
  }

  create(executionId: string, limits: TaskLimits): Cgroup {
    const wanted: Directories = { ...this.directories };
    if (limits.cpu === undefined && wanted.cpu !== wanted.cpuacct) delete wanted.cpu;
    const group = new CgroupV1Group(groupsIn(wanted, executionId), this.files);
    try {
      group.make(limits);
    } catch (error) {
      group.remove();
      throw error;
    }
    return group;
  }

  find(executionId: string): Cgroup | undefined {
    const name = groupName(executionId);
    const left = Object.entries(this.directories).filter(([, directory]) =>
      this.files.children(directory).includes(`${directory}/${name}`),
    );
    if (left.length === 0) return undefined;
    return new CgroupV1Group(groupsIn(Object.fromEntries(left), executionId), this.files);
  }
}

function groupsIn(directories: Directories, executionId: string): Directories {
  const name = groupName(executionId);
  return Object.fromEntries(Object.entries(directories).map(([key, path]) => [key, `${path}/${name}`]));
}

class CgroupV1Group implements Cgroup {
  readonly entrances: readonly string[];
  /** Without duplicates: controllers may share a hierarchy. */
  private readonly paths: string[];
  private refusedBeforeKill: number | undefined;

  constructor(
    private readonly directories: Directories,
    private readonly files: CgroupFiles,
  ) {
    this.paths = [...new Set(Object.values(directories))];
    this.entrances = this.paths.map((path) => `${path}/cgroup.procs`);
  }

  make(limits: TaskLimits): void {
    for (const path of this.paths) this.files.make(path);
    const { memory, cpu, pids } = this.directories;
    if (memory && limits.memoryMb !== undefined) this.limitMemory(memory, limits.memoryMb * 1024 * 1024);
    if (cpu && limits.cpu !== undefined) {
      this.files.write(`${cpu}/cpu.cfs_period_us`, String(CPU_PERIOD_US));
      this.files.write(`${cpu}/cpu.cfs_quota_us`, String(cpuQuotaUs(limits.cpu)));
    }
    if (pids && limits.pids !== undefined) this.files.write(`${pids}/pids.max`, String(limits.pids));
  }

  pids(): number[] {
    return [...new Set(this.paths.flatMap((path) => pidsIn(this.files, path)))];
  }

  kill(): void {
    const { pids } = this.directories;
    // Kill before forbidding forks: a shell whose fork fails would end by itself, with its own exit code and message.
    for (const pid of this.pids()) send(pid, "SIGKILL");
    if (!pids) return;
    this.refusedBeforeKill ??= this.refusedStarts();
    // From here on no fork in the group succeeds, so the processes listed now are the last ones.
    this.forbidForks(pids);
    for (const pid of this.pids()) send(pid, "SIGKILL");
  }

  oomKills(): number {
    return counter(this.read("memory", "memory.oom_control"), "oom_kill");
  }

  peakBytes(): number {
    return Number(this.read("memory", "memory.max_usage_in_bytes") ?? 0);
  }

  heldBytes(): number {
    const used = Number(this.read("memory", "memory.usage_in_bytes") ?? 0);
    return Math.max(0, used - counter(this.read("memory", "memory.stat"), "total_inactive_file"));
  }

  cpuSeconds(): number {
    return Number(this.read("cpuacct", "cpuacct.usage") ?? 0) / 1e9;
  }

  refusedStarts(): number {
    // Starts refused while the job is being ended do not mean that it reached its limit.
    return this.refusedBeforeKill ?? counter(this.read("pids", "pids.events"), "max");
  }

  remove(): boolean {
    return this.paths.map((path) => removeGroup(this.files, path)).every(Boolean);
  }

  private limitMemory(path: string, bytes: number): void {
    this.files.write(`${path}/memory.limit_in_bytes`, String(bytes));
    // If the kernel counts swap, memory and swap are limited together; otherwise a job could swap past its limit.
    const withSwap = `${path}/memory.memsw.limit_in_bytes`;
    if (this.files.read(withSwap) !== undefined) this.files.write(withSwap, String(bytes));
  }

  private forbidForks(path: string): void {
    try {
      this.files.write(`${path}/pids.max`, "0");
    } catch {
      // The group is gone already, and so are its processes.
    }
  }

  private read(controller: Controller, file: string): string | undefined {
    const path = this.directories[controller];
    return path && this.files.read(`${path}/${file}`);
  }
}
