import type { TaskGpu } from "../executors/port/executor.ts";

/** One device for a job: a whole GPU, or a MIG instance of a GPU. */
export interface MachineGpu {
  vendor: TaskGpu["vendor"];
  /** Counts this machine's devices from 0, without gaps; the server assigns devices by this number. */
  index: number;
  /** The vendor's name for the device, the same after a restart; absent if it has none. */
  uuid?: string;
  model: string;
  /** MiB; absent if the tool does not say. */
  memoryMb?: number;
  /** It shares the machine's memory. */
  unifiedMemory?: true;
  cores?: number;
  /** Set for an instance of a partitioned GPU. */
  mig?: { profile: string; parentUuid: string };
}

/** A device as a detector found it; devices are numbered once all are known. */
export type FoundGpu = Omit<MachineGpu, "index">;

/** The facts about a device that a task gets. */
export function taskGpu({ vendor, index, uuid }: MachineGpu): TaskGpu {
  return { vendor, index, ...(uuid !== undefined && { uuid }) };
}

/** Numbers the devices that this machine offers to jobs, and explains why it does not offer the others. */
export function usableGpus(found: readonly FoundGpu[]): { gpus: MachineGpu[]; problems: string[] } {
  const problems: string[] = [];
  const vendor = (["nvidia", "amd", "apple"] as const).find((one) => found.some((gpu) => gpu.vendor === one));
  const others = found.filter((gpu) => gpu.vendor !== vendor);
  if (others.length > 0) {
    // A job asks for a number of GPUs. If some spoke CUDA and some ROCm, it could not know which kind it gets.
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

/** The default size for a processor's own graphics; GPUs made for computing have more. */
const INTEGRATED_MAX_MB = 2_048;
const INTEGRATED_RATIO = 4;

/**
 * AMD's desktop processors have a small GPU that ROCm lists next to the real ones. A job that got it would fail, and
 * `gpu.memoryMb` would say 512. If the machine has no other GPU, it is offered.
 */
function isIntegratedBeside(gpu: FoundGpu, all: readonly FoundGpu[]): boolean {
  const { vendor, memoryMb } = gpu;
  if (vendor !== "amd" || memoryMb === undefined || memoryMb > INTEGRATED_MAX_MB) return false;
  // The others must have UUIDs: without those, jobs see them by number, and the numbers would shift.
  const larger = all.filter((one) => (one.memoryMb ?? 0) >= memoryMb * INTEGRATED_RATIO);
  return larger.length > 0 && larger.every((one) => one.uuid !== undefined);
}
