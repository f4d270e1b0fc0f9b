import type { NodeCondition, NodeDescription } from "../../../shared/node.ts";

/** A machine of the past: what it announces, how busy it is by itself, and until when it was there. */
export interface Machine {
  description: Partial<NodeDescription> & Pick<NodeDescription, "name" | "pool" | "labels" | "capacity">;
  /** Cores and MiB that it uses without any job. */
  idle: { cpu: number; memoryMb: number };
  condition?: Partial<NodeCondition>;
  /** It vanished so many minutes ago. */
  goneForMinutes?: number;
  /** It takes no more jobs since so many minutes ago. */
  drainingForMinutes?: number;
}

const GIB = 1_024;

function linux(cores: number, memoryGb: number, own: Record<string, string> = {}): Record<string, string> {
  return {
    ...{ os: "linux", arch: "amd64", docker: "true", "docker.engine": "docker", "docker.version": "28.1.1" },
    ...{ cpuCount: String(cores), memoryMb: String(memoryGb * GIB) },
    ...own,
  };
}

function nvidia(model: string, count: number, memoryMb: number): Record<string, string> {
  return {
    ...{ "gpu.vendor": "nvidia", "gpu.model": model, "gpu.count": String(count) },
    ...{ "gpu.memoryMb": String(memoryMb), "gpu.driver": "570.86", cuda: "true", "cuda.version": "12.8" },
  };
}

const rest: Pick<NodeDescription, "jobTypes" | "allow" | "caps" | "agentVersion"> = {
  jobTypes: ["COMMAND", "DOCKER", "GITHUB_ACTION"],
  allow: { mounts: ["/srv/data"], volumes: ["pip-cache"], networks: [], capabilities: [] },
  caps: { memoryMb: 64 * GIB, pids: 4_096, enforcedBy: "cgroup v2 at /sys/fs/cgroup/system.slice" },
  agentVersion: "0.1.0",
};

/** The machines of a small team with GPUs. */
export const MACHINES: readonly Machine[] = [
  {
    description: {
      ...rest,
      name: "forge-1",
      pool: "default",
      labels: linux(32, 128, { site: "berlin", rack: "2" }),
      capacity: { cpu: 32, memoryMb: 128 * GIB, gpuCount: 0, slots: 8 },
    },
    idle: { cpu: 0.6, memoryMb: 5_200 },
  },
  {
    description: {
      ...rest,
      name: "forge-2",
      pool: "default",
      labels: linux(32, 128, { site: "berlin", rack: "2" }),
      capacity: { cpu: 32, memoryMb: 128 * GIB, gpuCount: 0, slots: 8 },
    },
    idle: { cpu: 0.5, memoryMb: 4_800 },
    condition: { refusing: "only 310 MiB are free below /var/lib/tanvrit-compute" },
  },
  {
    description: {
      ...rest,
      name: "atlas",
      pool: "gpu",
      labels: linux(48, 256, { ...nvidia("NVIDIA RTX 6000 Ada", 4, 49_140), site: "berlin", rack: "3" }),
      capacity: { cpu: 48, memoryMb: 256 * GIB, gpuCount: 4, slots: 4 },
    },
    idle: { cpu: 0.9, memoryMb: 9_400 },
  },
  {
    description: {
      ...rest,
      name: "hydra",
      pool: "gpu",
      labels: linux(64, 512, { ...nvidia("NVIDIA H100 80GB HBM3", 2, 81_559), site: "lisbon" }),
      capacity: { cpu: 64, memoryMb: 512 * GIB, gpuCount: 2, slots: 2 },
    },
    idle: { cpu: 1.2, memoryMb: 12_800 },
    drainingForMinutes: 35,
  },
  {
    description: {
      ...rest,
      name: "studio",
      pool: "default",
      labels: {
        os: "darwin",
        arch: "arm64",
        metal: "true",
        "metal.version": "3",
        "gpu.model": "Apple M2 Max",
      },
      capacity: { cpu: 12, memoryMb: 64 * GIB, gpuCount: 1, slots: 2 },
    },
    idle: { cpu: 0.3, memoryMb: 8_100 },
    condition: { suspended: true },
  },
  {
    description: {
      ...rest,
      name: "shelf-3",
      pool: "default",
      labels: linux(16, 64, { site: "lisbon" }),
      capacity: { cpu: 16, memoryMb: 64 * GIB, gpuCount: 0, slots: 4 },
    },
    idle: { cpu: 0.4, memoryMb: 3_600 },
    goneForMinutes: 190,
  },
  {
    description: {
      ...rest,
      name: "cloud-a100-1",
      pool: "cloud",
      labels: linux(24, 192, { ...nvidia("NVIDIA A100 80GB PCIe", 2, 81_920), region: "eu-west" }),
      capacity: { cpu: 24, memoryMb: 192 * GIB, gpuCount: 2, slots: 2 },
    },
    idle: { cpu: 0.7, memoryMb: 7_000 },
  },
];
