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
import type { LimitEnforcement } from "./limit-enforcer.ts";
import type { TaskLimits } from "./limits.ts";

/** Version 2 groups below a directory that belongs to this process: see `delegate.ts`. */
export class CgroupV2 implements CgroupTree {
  readonly enforcement: LimitEnforcement;

  /** @param controllers the controllers that are enabled for the groups below `base`. */
  constructor(
    private readonly base: string,
    controllers: ReadonlySet<string>,
    private readonly files: CgroupFiles,
  ) {
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
      // Over the limit, the kernel ends the whole job, not one process of it; kernels before 4.19 cannot.
      this.writeIfThere(`${path}/memory.oom.group`, "1");
      // Otherwise a job could swap past its limit. The file is missing if the kernel does not count swap.
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
  readonly entrances: readonly string[];

  constructor(
    readonly path: string,
    private readonly files: CgroupFiles,
  ) {
    this.entrances = [`${path}/cgroup.procs`];
  }

  pids(): number[] {
    return pidsIn(this.files, this.path);
  }

  kill(): void {
    // Since 5.14, one write kills everything, including processes being forked. The file cannot be read, so just try.
    if (this.tryWrite("cgroup.kill", "1")) return;
    // Frozen processes do not fork, and can still be killed.
    this.tryWrite("cgroup.freeze", "1");
    for (const pid of this.pids()) send(pid, "SIGKILL");
  }

  oomKills(): number {
    // Since 5.2, `oom` tells whether this group itself was full. On older kernels, kills because the machine ran out count too.
    const own = this.read("memory.events.local");
    if (own !== undefined && counter(own, "oom") === 0) return 0;
    return counter(this.read("memory.events"), "oom_kill");
  }

  peakBytes(): number {
    // Since 5.19 there is a peak; older kernels only show the current use.
    return Number(this.read("memory.peak") ?? this.read("memory.current") ?? 0);
  }

  heldBytes(): number {
    const used = Number(this.read("memory.current") ?? 0);
    return Math.max(0, used - counter(this.read("memory.stat"), "inactive_file"));
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
      return false; // This kernel does not have the file, or the group is gone; the caller goes on without it.
    }
  }
}
