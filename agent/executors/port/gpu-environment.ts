import type { Environment } from "../../process/environment.ts";
import type { TaskGpu } from "./executor.ts";

/**
 * The variables by which CUDA and ROCm show a job its own GPUs and no others.
 *
 * A job without GPUs gets them too, empty, which hides all devices. CUDA shows every device to a process that has no
 * such variable, so a job that never asked for a GPU would compute on one that another job was promised for itself.
 * It is so on every node, also on one that announces none: `gpuCount: 0` in agent.yaml, or an nvidia-smi that did
 * not answer, says that no job is to use a GPU, not that there is none.
 */
export function gpuEnvironment(gpus: readonly TaskGpu[]): Environment {
  const ofAmd = namesOf(gpus, "amd");
  // HIP reads CUDA_VISIBLE_DEVICES as well, and programs for it choose by it among what ROCR_VISIBLE_DEVICES leaves.
  if (ofAmd !== "") return { ROCR_VISIBLE_DEVICES: ofAmd };
  return { CUDA_VISIBLE_DEVICES: namesOf(gpus, "nvidia"), ROCR_VISIBLE_DEVICES: "" };
}

/** By the vendor's own name where there is one: the order in which a runtime counts devices is not ours. */
function namesOf(gpus: readonly TaskGpu[], vendor: TaskGpu["vendor"]): string {
  return gpus
    .filter((gpu) => gpu.vendor === vendor)
    .map((gpu) => gpu.uuid ?? String(gpu.index))
    .join(",");
}
