import type { Resources } from "../../shared/job-fields.ts";
import type { TaskLimits } from "../limits/limits.ts";

/**
 * The limits of one job: the owner's caps, or what the job asked for where that is less. A job that asks for nothing
 * in particular (0) gets everything the owner allows.
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
