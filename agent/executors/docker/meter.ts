import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "../../../shared/bytes-text.ts";
import { codeOf } from "../../../shared/code-of.ts";
import { ownGroups } from "../../limits/cgroup.ts";

export interface Reading {
  cpuSeconds?: number;
  peakMemoryMb?: number;
  /** How often the kernel has killed a process of the container for lack of memory. */
  oomKills: number;
}

const CGROUPS = "/sys/fs/cgroup";

/**
 * Reads the usage of a container from its control group, without asking the engine: cheap enough to do twice a second for
 * each container. Works only if the engine runs on this machine and its processes are visible from here.
 */
export class ContainerMeter {
  private constructor(
    private readonly pid: number,
    private readonly files: MeterFiles,
  ) {}

  /** undefined: the process does not seem to belong to that container, seen from here. */
  static open(
    containerId: string,
    pid: number,
    proc = "/proc",
    cgroups = CGROUPS,
  ): ContainerMeter | undefined {
    if (pid <= 0) return undefined;
    const groups = readText(join(proc, String(pid), "cgroup")) ?? "";
    const files = groups.includes(containerId) ? meterFiles(ownGroups(groups), cgroups) : undefined;
    return files && new ContainerMeter(pid, files);
  }

  /** Whether the container's first process lives; all others end with it. */
  isAlive(): boolean {
    try {
      process.kill(this.pid, 0);
      return true;
    } catch (error) {
      return codeOf(error) !== "ESRCH";
    }
  }

  /** undefined: the container has ended, and its group is gone. */
  read(): Reading | undefined {
    const { cpu, peak, oom } = this.files;
    const cpuSeconds = cpu();
    const peakBytes = peak();
    if (cpuSeconds === undefined && peakBytes === undefined) return undefined;
    return {
      ...(cpuSeconds === undefined ? {} : { cpuSeconds }),
      ...(peakBytes === undefined ? {} : { peakMemoryMb: peakBytes / MIB }),
      oomKills: oom() ?? 0,
    };
  }
}

interface MeterFiles {
  cpu(): number | undefined;
  peak(): number | undefined;
  oom(): number | undefined;
}

function meterFiles(paths: Map<string, string>, cgroups: string): MeterFiles | undefined {
  const memory = paths.get("memory");
  const cpuacct = paths.get("cpuacct");
  if (memory !== undefined && cpuacct !== undefined) {
    const memoryDir = join(cgroups, "memory", memory);
    const cpuDir = join(cgroups, "cpuacct", cpuacct);
    if (!existsSync(memoryDir)) return undefined;
    return {
      cpu: () => scaled(readNumber(join(cpuDir, "cpuacct.usage")), 1e9),
      peak: () => readNumber(join(memoryDir, "memory.max_usage_in_bytes")),
      oom: () => readField(join(memoryDir, "memory.oom_control"), "oom_kill"),
    };
  }
  const unified = paths.get("");
  if (unified === undefined) return undefined;
  const dir = join(cgroups, unified);
  if (!existsSync(join(dir, "cpu.stat"))) return undefined;
  return {
    cpu: () => scaled(readField(join(dir, "cpu.stat"), "usage_usec"), 1e6),
    // Kernels before 5.19 record no peak; the highest sample is the next best.
    peak: () => readNumber(join(dir, "memory.peak")) ?? readNumber(join(dir, "memory.current")),
    oom: () => readField(join(dir, "memory.events"), "oom_kill"),
  };
}

function scaled(value: number | undefined, by: number): number | undefined {
  return value === undefined ? undefined : value / by;
}

function readNumber(path: string): number | undefined {
  const text = readText(path);
  return text === undefined ? undefined : Number(text);
}

/** The value of a line `NAME VALUE`. */
function readField(path: string, name: string): number | undefined {
  const line = readText(path)
    ?.split("\n")
    .find((one) => one.startsWith(`${name} `));
  return line === undefined ? undefined : Number(line.slice(name.length + 1));
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    // The container has ended, or this kernel does not have the file.
    return undefined;
  }
}

/** The part of `/containers/ID/stats` that is used if the control group cannot be read. */
interface StatsAnswer {
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  memory_stats?: { usage?: number; max_usage?: number };
}

export function readingOfStats({ cpu_stats, memory_stats }: StatsAnswer): Reading | undefined {
  const cpu = cpu_stats?.cpu_usage?.total_usage;
  const memory = memory_stats?.max_usage ?? memory_stats?.usage;
  // The engine reports zeros for a container that has ended.
  if (!cpu && !memory) return undefined;
  return {
    ...(cpu === undefined ? {} : { cpuSeconds: cpu / 1e9 }),
    ...(memory === undefined ? {} : { peakMemoryMb: memory / MIB }),
    oomKills: 0,
  };
}
