import { expect, test } from "bun:test";
import { jobManifest } from "../../../shared/manifest.ts";
import type { Task, TaskGpu } from "./executor.ts";
import { gpuEnvironment } from "./gpu-environment.ts";
import { jobEnvironment } from "./job-environment.ts";

const nvidia: TaskGpu[] = [
  { vendor: "nvidia", index: 1, uuid: "GPU-b" },
  { vendor: "nvidia", index: 3, uuid: "MIG-d" },
];

function task(
  gpus: TaskGpu[],
  env: Record<string, string> = {},
): Pick<Task, "environment" | "assignment" | "gpus" | "dir"> {
  return {
    environment: { PATH: "/bin" },
    dir: "/state/exec_1",
    gpus,
    assignment: {
      executionId: "exec_1",
      jobId: "job_1",
      attempt: 1,
      manifest: jobManifest.parse({ command: "true", env }),
      resources: { cpu: 0, memoryMb: 0, gpuCount: gpus.length },
      gpuIndexes: gpus.map((gpu) => gpu.index),
      leaseExpiresAt: "2026-01-01T00:00:00.000Z",
    },
  };
}

test("a job sees its NVIDIA GPUs by UUID, in the order in which they were given", () => {
  expect(gpuEnvironment(nvidia)).toEqual({ CUDA_VISIBLE_DEVICES: "GPU-b,MIG-d", ROCR_VISIBLE_DEVICES: "" });
});

test("a job sees its AMD GPUs by UUID, or by number if the device has no UUID", () => {
  const gpus: TaskGpu[] = [
    { vendor: "amd", index: 0, uuid: "GPU-719d230578348e8c" },
    { vendor: "amd", index: 2 },
  ];
  expect(gpuEnvironment(gpus)).toEqual({ ROCR_VISIBLE_DEVICES: "GPU-719d230578348e8c,2" });
});

test("a job without GPUs sees none, whatever the node has", () => {
  expect(gpuEnvironment([])).toEqual({ CUDA_VISIBLE_DEVICES: "", ROCR_VISIBLE_DEVICES: "" });
});

test("a job can neither change which GPUs are its own nor take GPUs that it did not ask for", () => {
  const greedy = { CUDA_VISIBLE_DEVICES: "0,1,2,3", ROCR_VISIBLE_DEVICES: "0", OWN: "kept" };
  expect(jobEnvironment(task(nvidia, greedy))).toMatchObject({
    CUDA_VISIBLE_DEVICES: "GPU-b,MIG-d",
    ROCR_VISIBLE_DEVICES: "",
    OWN: "kept",
  });
  expect(jobEnvironment(task([], greedy))).toMatchObject({
    CUDA_VISIBLE_DEVICES: "",
    ROCR_VISIBLE_DEVICES: "",
  });
});
