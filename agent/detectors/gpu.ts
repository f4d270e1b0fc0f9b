import { StartFailedError, type TaskGpu } from "../executors/executor.ts";

/** One device that a job can be given: a whole GPU, or a MIG instance of one. */
export interface MachineGpu {
  vendor: TaskGpu["vendor"];
  /** Dense from 0 among what this machine has to give; the server gives devices out by it. */
  index: number;
  /** The vendor's name for the device, the same after a restart; absent where it has none. */
  uuid?: string;
  model: string;
  /** MiB; absent where the tool does not say. */
  memoryMb?: number;
  /** Its memory is the machine's own. */
  unifiedMemory?: true;
  cores?: number;
  /** Set for an instance of a GPU that is divided. */
  mig?: { profile: string; parentUuid: string };
}

/** A device as a detector found it; it is numbered when all are known. */
export type FoundGpu = Omit<MachineGpu, "index">;

/** What a task is told of a device. */
export function taskGpu({ vendor, index, uuid }: MachineGpu): TaskGpu {
  return { vendor, index, ...(uuid !== undefined && { uuid }) };
}

/**
 * The devices that the server gave a job, of those the node has. A number may mean another device since the machine
 * was looked at anew; for one that another job still holds the job gets a free one of those offered, as any of
 * them is as good. Throws StartFailedError where there is none: the job must not run on fewer than it asked for, or on another's.
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
      `The job was given GPU ${index}, but this node has ${gpus.length} now; tanvrit-compute agent detect shows them.`,
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

/** What tells a device from the others, also when it gets another number. */
export function gpuName(gpu: TaskGpu): string {
  return gpu.uuid ?? `${gpu.vendor} ${gpu.index}`;
}

/** Which of the found devices this machine gives to jobs, numbered; and a word on those it does not. */
export function usableGpus(found: readonly FoundGpu[]): { gpus: MachineGpu[]; problems: string[] } {
  const problems: string[] = [];
  const vendor = (["nvidia", "amd", "apple"] as const).find((one) => found.some((gpu) => gpu.vendor === one));
  const others = found.filter((gpu) => gpu.vendor !== vendor);
  if (others.length > 0) {
    // A job asks for a number of GPUs; were some CUDA's and some ROCm's, it could not know which it gets.
    problems.push(
      `Not offered to jobs: ${others.map((gpu) => gpu.model).join(", ")}. A node offers GPUs of one vendor, here ${vendor}.`,
    );
  }
  const ofVendor = found.filter((gpu) => gpu.vendor === vendor);
  const integrated = ofVendor.filter((gpu) => isIntegratedBeside(gpu, ofVendor));
  for (const gpu of integrated) {
    problems.push(
      `Not offered to jobs: ${gpu.model} with ${gpu.memoryMb} MiB, which seems to be the processor's own graphics.`,
    );
  }
  const usable = ofVendor.filter((gpu) => !integrated.includes(gpu));
  return { gpus: usable.map((gpu, index) => ({ ...gpu, index })), problems };
}

/** As much as processors' graphics get by default, and less than a GPU that is bought to compute has. */
const INTEGRATED_MAX_MB = 2_048;
const INTEGRATED_RATIO = 4;

/**
 * A desktop processor of AMD has a small GPU that ROCm lists beside the real ones. A job that gets it would fail,
 * and `gpu.memoryMb` would say 512. Alone it is offered: then it is what there is.
 */
function isIntegratedBeside(gpu: FoundGpu, all: readonly FoundGpu[]): boolean {
  const { vendor, memoryMb } = gpu;
  if (vendor !== "amd" || memoryMb === undefined || memoryMb > INTEGRATED_MAX_MB) return false;
  // Those that stay are named by their UUIDs; counted numbers would shift when one is left out.
  const larger = all.filter((one) => (one.memoryMb ?? 0) >= memoryMb * INTEGRATED_RATIO);
  return larger.length > 0 && larger.every((one) => one.uuid !== undefined);
}
