import type { Environment } from "../../process/environment.ts";
import type { TaskGpu } from "./executor.ts";

/**
 * The variables that make CUDA and ROCm show a job only its own GPUs.
 *
 * A job without GPUs gets them too, but empty, which hides all devices. CUDA shows every device to a process without such
 * a variable, so a job that never asked for a GPU would compute on a GPU that was promised to another job. This applies
 * to every node, even to one that announces no GPUs: `gpuCount: 0` in agent.yaml, or an nvidia-smi that did not answer,
 * means that no job may use a GPU, not that the machine has none.
 */
export function gpuEnvironment(gpus: readonly TaskGpu[]): Environment {
  const ofAmd = namesOf(gpus, "amd");
  // HIP programs also read CUDA_VISIBLE_DEVICES, to choose among the devices that ROCR_VISIBLE_DEVICES leaves.
  if (ofAmd !== "") return { ROCR_VISIBLE_DEVICES: ofAmd };
  return { CUDA_VISIBLE_DEVICES: namesOf(gpus, "nvidia"), ROCR_VISIBLE_DEVICES: "" };
}

/** Uses UUIDs if possible: a vendor's runtime may number its devices in another order. */
function namesOf(gpus: readonly TaskGpu[], vendor: TaskGpu["vendor"]): string {
  return gpus
    .filter((gpu) => gpu.vendor === vendor)
    .map((gpu) => gpu.uuid ?? String(gpu.index))
    .join(",");
}
