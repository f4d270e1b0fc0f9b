import { availableParallelism, hostname, totalmem } from "node:os";
import type { Labels } from "../../shared/labels.ts";
import { type OwnGroupLimits, ownGroupLimits } from "../limits/own-group.ts";

/** The facts that every machine has. The labels use the words of the product's published examples. */
export interface HostFacts {
  hostname: string;
  cpuCount: number;
  memoryMb: number;
  labels: Labels;
}

const osNames: Partial<Record<NodeJS.Platform, string>> = { win32: "windows" };
const archNames: Partial<Record<NodeJS.Architecture, string>> = { x64: "amd64", ia32: "386" };

/** In a container, returns what the container may use: jobs could not get the rest of the machine. */
export function detectHost(limits: OwnGroupLimits = ownGroupLimits()): HostFacts {
  const name = hostname();
  const cpuCount = Math.max(
    1,
    Math.floor(Math.min(availableParallelism(), limits.cpu ?? Number.POSITIVE_INFINITY)),
  );
  const machineMb = Math.floor(totalmem() / (1024 * 1024));
  const memoryMb = Math.min(machineMb, limits.memoryMb ?? machineMb);
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
