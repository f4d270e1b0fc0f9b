import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { MIB } from "../../../shared/bytes-text.ts";
import { processLives } from "../../../shared/process-lives.ts";
import { ownGroups } from "../../limits/cgroup.ts";
import { toMib } from "../../limits/limit-enforcer.ts";
import type { TaskSample } from "../../limits/limits.ts";

export interface Reading {
  cpuSeconds?: number;
  peakMemoryMb?: number;
  /** What it holds now, without pages of files; only if the engine was asked. */
  memoryMb?: number;
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
    return processLives(this.pid);
  }

  /** What the container uses now. undefined: it has ended, or the kernel does not say. */
  sample(): TaskSample | undefined {
    const { cpu, used, files } = this.files;
    const [cpuSeconds, usedBytes] = [cpu(), used()];
    if (cpuSeconds === undefined || usedBytes === undefined) return undefined;
    return { cpuSeconds, memoryMb: toMib(Math.max(0, usedBytes - (files() ?? 0))) };
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
  /** Bytes, with pages of files. */
  used(): number | undefined;
  /** Bytes in pages of files that the kernel can take back at any time. */
  files(): number | undefined;
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
      used: () => readNumber(join(memoryDir, "memory.usage_in_bytes")),
      files: () => readField(join(memoryDir, "memory.stat"), "total_inactive_file"),
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
    used: () => readNumber(join(dir, "memory.current")),
    files: () => readField(join(dir, "memory.stat"), "inactive_file"),
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
  memory_stats?: {
    usage?: number;
    max_usage?: number;
    stats?: { inactive_file?: number; total_inactive_file?: number };
  };
}

export function readingOfStats({ cpu_stats, memory_stats }: StatsAnswer): Reading | undefined {
  const cpu = cpu_stats?.cpu_usage?.total_usage;
  const memory = memory_stats?.max_usage ?? memory_stats?.usage;
  const { inactive_file: v2, total_inactive_file: v1 } = memory_stats?.stats ?? {};
  const files = v2 ?? v1 ?? 0;
  // The engine reports zeros for a container that has ended.
  if (!cpu && !memory) return undefined;
  return {
    ...(cpu === undefined ? {} : { cpuSeconds: cpu / 1e9 }),
    ...(memory === undefined ? {} : { peakMemoryMb: memory / MIB }),
    ...(memory_stats?.usage && { memoryMb: toMib(Math.max(0, memory_stats.usage - files)) }),
    oomKills: 0,
  };
}
