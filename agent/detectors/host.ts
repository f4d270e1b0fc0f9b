import { availableParallelism, hostname, totalmem } from "node:os";
import type { Labels } from "../../shared/labels.ts";

/** What every machine is known by. The words are those of the product's published examples. */
export interface HostFacts {
  hostname: string;
  cpuCount: number;
  memoryMb: number;
  labels: Labels;
}

const osNames: Partial<Record<NodeJS.Platform, string>> = { win32: "windows" };
const archNames: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386" };

export function detectHost(): HostFacts {
  const name = hostname();
  const cpuCount = availableParallelism();
  const memoryMb = Math.floor(totalmem() / (1024 * 1024));
  return {
    hostname: name,
    cpuCount,
    memoryMb,
    labels: {
      os: osNames[process.platform] ?? process.platform,
      arch: archNames[process.arch] ?? process.arch,
      hostname: name,
      cpuCount: String(cpuCount),
      memoryMb: String(memoryMb),
    },
  };
}
