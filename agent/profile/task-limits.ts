import type { Resources } from "../../shared/manifest.ts";
import type { TaskLimits } from "../limits/limits.ts";

/**
 * What one job is held to: the owner's caps, and where the job asked for less, what it asked for. A job that asks
 * for nothing in particular (0) gets all that the owner allows.
 */
export function taskLimits(caps: TaskLimits, asked: Resources): TaskLimits {
  const limits: TaskLimits = {};
  const cpu = smallest(caps.cpu, asked.cpu);
  const memoryMb = smallest(caps.memoryMb, asked.memoryMb);
  if (cpu !== undefined) limits.cpu = cpu;
  if (memoryMb !== undefined) limits.memoryMb = memoryMb;
  if (caps.pids !== undefined) limits.pids = caps.pids;
  return limits;
}

function smallest(cap: number | undefined, asked: number): number | undefined {
  if (asked === 0) return cap;
  return cap === undefined ? asked : Math.min(cap, asked);
}
