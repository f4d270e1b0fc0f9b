import { StartFailedError, type TaskGpu } from "./executor.ts";

/**
 * The devices that the server assigned to a job. After a new look at the machine, a number may mean a different device.
 * If another job still holds that device, the job gets any free device that the node offers instead. Throws
 * StartFailedError if none is free: a job must not run on fewer devices than it asked for, or on another job's.
 */
export function gpusForJob(
  gpus: readonly TaskGpu[],
  indexes: readonly number[],
  others: { held: readonly TaskGpu[]; offered: number },
): TaskGpu[] {
  const taken = new Set(others.held.map(gpuName));
  const given = indexes.map((index) => {
    const gpu = gpus.find((one) => one.index === index);
    if (gpu) return gpu;
    throw new StartFailedError(
      `The job was given GPU ${index}, but this node has ${gpus.length} now; run tanvrit-compute agent detect to list them.`,
    );
  });
  const offered = gpus.slice(0, others.offered);
  const spare = offered.filter((gpu) => !taken.has(gpuName(gpu)) && !given.includes(gpu));
  return given.map((gpu) => {
    const free = taken.has(gpuName(gpu)) ? spare.shift() : gpu;
    if (free) return free;
    throw new StartFailedError(
      `The job was given GPU ${gpu.index} (${gpuName(gpu)}), which another job still uses, and no other is free.`,
    );
  });
}

/** Identifies a device even after its number has changed. */
export function gpuName(gpu: TaskGpu): string {
  return gpu.uuid ?? `${gpu.vendor} ${gpu.index}`;
}
