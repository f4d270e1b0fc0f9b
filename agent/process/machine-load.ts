import { readFileSync } from "node:fs";
import { cpus, freemem, totalmem } from "node:os";
import { MIB } from "../../shared/bytes-text.ts";

/** What a machine does. */
export interface MachineLoad {
  /** Cores that were busy since the last reading, on average. */
  cpu: number;
  /** Memory in use. */
  memoryMb: number;
}

/** Reads the load of this machine. Each reading looks at what happened since the one before; the first at nothing. */
export function machineLoad(platform: NodeJS.Platform = process.platform): { read(): MachineLoad } {
  const isLinux = platform === "linux";
  const times = isLinux ? linuxTimes : anyTimes;
  let before = times();
  return {
    read() {
      const now = times();
      const [busy, all] = [now.busy - before.busy, now.all - before.all];
      before = now;
      const cpu = all > 0 ? (Math.max(0, busy) / all) * now.cores : 0;
      return { cpu, memoryMb: Math.round((isLinux ? linuxUsedBytes() : totalmem() - freemem()) / MIB) };
    },
  };
}

/** The time that cores were busy, and the time that passed on all of them, in any unit. */
interface CoreTimes {
  cores: number;
  busy: number;
  all: number;
}

function linuxTimes(): CoreTimes {
  const text = readFileSync("/proc/stat", "latin1");
  const lines = text.slice(0, text.indexOf("\nintr")).split("\n");
  // user nice system idle iowait irq softirq steal; guests are part of user.
  const numbers = (lines[0] ?? "").trim().split(/\s+/).slice(1, 9).map(Number);
  const all = numbers.reduce((sum, n) => sum + n, 0);
  const [, , , idle = 0, iowait = 0] = numbers;
  return { cores: Math.max(1, lines.length - 1), busy: all - idle - iowait, all };
}

function anyTimes(): CoreTimes {
  let [busy, all] = [0, 0];
  const cores = cpus();
  for (const { times } of cores) {
    const sum = times.user + times.nice + times.sys + times.idle + times.irq;
    all += sum;
    busy += sum - times.idle;
  }
  return { cores: cores.length, busy, all };
}

function linuxUsedBytes(): number {
  const text = readFileSync("/proc/meminfo", "latin1");
  const kib = (name: string) => Number(text.match(new RegExp(`^${name}:\\s+(\\d+)`, "m"))?.[1] ?? 0);
  return Math.max(0, kib("MemTotal") - kib("MemAvailable")) * 1_024;
}
