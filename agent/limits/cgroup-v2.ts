import { send } from "../process/process-tree.ts";
import {
  type Cgroup,
  type CgroupFiles,
  type CgroupTree,
  CPU_PERIOD_US,
  counter,
  cpuQuotaUs,
  groupName,
  pidsIn,
  removeGroup,
} from "./cgroup.ts";
import type { LimitEnforcement } from "./limit-keeper.ts";
import type { TaskLimits } from "./limits.ts";

/** Groups of version 2 below a directory that is this process's to divide: see `delegate`. */
export class CgroupV2 implements CgroupTree {
  readonly enforcement: LimitEnforcement;
  private readonly base: string;
  private readonly files: CgroupFiles;

  /** @param controllers those that are enabled for the groups below `base`. */
  constructor(base: string, controllers: ReadonlySet<string>, files: CgroupFiles) {
    this.base = base;
    this.files = files;
    this.enforcement = {
      cpu: controllers.has("cpu") ? "kernel" : "none",
      memory: controllers.has("memory") ? "kernel" : "none",
      pids: controllers.has("pids") ? "kernel" : "none",
      enforcedBy: `cgroup v2 at ${base}`,
    };
  }

  create(executionId: string, limits: TaskLimits): Cgroup {
    const group = new CgroupV2Group(`${this.base}/${groupName(executionId)}`, this.files);
    this.files.make(group.path);
    try {
      this.limit(group.path, limits);
    } catch (error) {
      group.remove();
      throw error;
    }
    return group;
  }

  find(executionId: string): Cgroup | undefined {
    const path = `${this.base}/${groupName(executionId)}`;
    return this.files.children(this.base).includes(path) ? new CgroupV2Group(path, this.files) : undefined;
  }

  private limit(path: string, limits: TaskLimits): void {
    const { cpu, memory, pids } = this.enforcement;
    if (memory === "kernel" && limits.memoryMb !== undefined) {
      this.files.write(`${path}/memory.max`, String(limits.memoryMb * 1024 * 1024));
      // Over the limit the kernel ends the whole job, not one process of it; before 4.19 it knew no such thing.
      this.writeIfThere(`${path}/memory.oom.group`, "1");
      // Swap would be a way out; where the kernel does not count it, there is no file.
      this.writeIfThere(`${path}/memory.swap.max`, "0");
    }
    if (cpu === "kernel" && limits.cpu !== undefined) {
      this.files.write(`${path}/cpu.max`, `${cpuQuotaUs(limits.cpu)} ${CPU_PERIOD_US}`);
    }
    if (pids === "kernel" && limits.pids !== undefined) {
      this.files.write(`${path}/pids.max`, String(limits.pids));
    }
  }

  private writeIfThere(path: string, text: string): void {
    if (this.files.read(path) !== undefined) this.files.write(path, text);
  }
}

class CgroupV2Group implements Cgroup {
  readonly path: string;
  readonly entrances: readonly string[];
  private readonly files: CgroupFiles;

  constructor(path: string, files: CgroupFiles) {
    this.path = path;
    this.files = files;
    this.entrances = [`${path}/cgroup.procs`];
  }

  pids(): number[] {
    return pidsIn(this.files, this.path);
  }

  kill(): void {
    // One write kills all, also what is being forked (5.14). It is not there to be read, so it has to be tried.
    if (this.tryWrite("cgroup.kill", "1")) return;
    // Who is frozen forks no more, and may still be killed.
    this.tryWrite("cgroup.freeze", "1");
    for (const pid of this.pids()) send(pid, "SIGKILL");
  }

  oomKills(): number {
    // Since 5.2: how often this very group was full. Before, who else was counts as well.
    const own = this.read("memory.events.local");
    if (own !== undefined && counter(own, "oom") === 0) return 0;
    return counter(this.read("memory.events"), "oom_kill");
  }

  peakBytes(): number {
    // Since 5.19; before, what is used now is all there is to see.
    return Number(this.read("memory.peak") ?? this.read("memory.current") ?? 0);
  }

  cpuSeconds(): number {
    return counter(this.read("cpu.stat"), "usage_usec") / 1e6;
  }

  refusedStarts(): number {
    return counter(this.read("pids.events"), "max");
  }

  remove(): boolean {
    return removeGroup(this.files, this.path);
  }

  private read(file: string): string | undefined {
    return this.files.read(`${this.path}/${file}`);
  }

  private tryWrite(file: string, text: string): boolean {
    try {
      this.files.write(`${this.path}/${file}`, text);
      return true;
    } catch {
      return false; // This kernel has no such file, or the group is gone; the caller goes on without.
    }
  }
}
