import { type Labels, labelKey } from "../../shared/labels.ts";
import type { MachineGpu } from "./gpu.ts";
import type { MachineFacts } from "./machine-facts.ts";

const MAX_VALUE_LENGTH = 256;
/** Leaves room for the owner's own labels when an engine or an SDK has very many runtimes or platforms. */
const MAX_NAMED = 16;

/** The labels by which jobs select the machine. Pure. */
export function labelsOf(machine: Omit<MachineFacts, "labels">): Labels {
  return fitting({
    ...machine.host.labels,
    ...gpuLabels(machine),
    ...dockerLabels(machine.docker),
    ...androidLabels(machine.android),
  });
}

type Found = Record<string, string | number | boolean | undefined>;

function gpuLabels({ gpus, nvidia, rocm, metal }: Omit<MachineFacts, "labels">): Found {
  const [first] = gpus;
  if (!first) return {};
  const memory = gpus.map((gpu) => gpu.memoryMb ?? 0);
  const ofNvidia = first.vendor === "nvidia" && nvidia;
  const ofRocm = first.vendor === "amd" && rocm;
  return {
    "gpu.vendor": first.vendor,
    "gpu.count": gpus.length,
    // A job may get any of the devices, so a label must be true for all of them.
    "gpu.model": common(gpus, (gpu) => gpu.model),
    "gpu.memoryMb": Math.min(...memory) || undefined,
    "gpu.unifiedMemory": common(gpus, (gpu) => gpu.unifiedMemory),
    "gpu.cores": common(gpus, (gpu) => gpu.cores),
    "gpu.mig": common(gpus, (gpu) => (gpu.mig ? true : undefined)),
    "gpu.mig.profile": common(gpus, (gpu) => gpu.mig?.profile),
    "gpu.driver": (ofNvidia && nvidia.driver) || (ofRocm && rocm.driver) || undefined,
    cuda: ofNvidia ? true : undefined,
    "cuda.version": ofNvidia ? nvidia.cudaVersion : undefined,
    rocm: ofRocm ? true : undefined,
    "rocm.version": ofRocm ? rocm.rocmVersion : undefined,
    metal: metal ? true : undefined,
    "metal.version": metal?.version,
  };
}

function common<T>(gpus: readonly MachineGpu[], of: (gpu: MachineGpu) => T): T | undefined {
  const values = new Set(gpus.map(of));
  return values.size === 1 ? [...values][0] : undefined;
}

function dockerLabels(docker: MachineFacts["docker"]): Found {
  if (!docker) return {};
  const runtimes = docker.runtimes
    .slice(0, MAX_NAMED)
    .map((name) => [`docker.runtime.${name}`, true] as const);
  return {
    docker: true,
    "docker.engine": docker.engine,
    "docker.version": docker.version,
    "docker.apiVersion": docker.apiVersion,
    "docker.os": docker.osType,
    "docker.rootless": docker.rootless,
    "docker.runtimes": docker.runtimes.join(",") || undefined,
    ...Object.fromEntries(runtimes),
  };
}

function androidLabels(android: MachineFacts["android"]): Found {
  if (!android) return {};
  const { platforms, buildTools } = android;
  const newest = platforms.slice(-MAX_NAMED);
  return {
    android: true,
    "android.platforms": platforms.join(",") || undefined,
    // The list is for people; a job selects the one level it needs.
    ...Object.fromEntries(newest.map((level) => [`android.platform.${level}`, true] as const)),
    "android.buildTools": buildTools.join(",") || undefined,
    "android.adb": android.adb,
    "android.emulator": android.emulator,
  };
}

/** Drops invalid labels: one runtime with an odd name must not keep the node from registering. */
function fitting(found: Found): Labels {
  const pairs = Object.entries(found).flatMap(([key, value]) => {
    if (value === undefined || !labelKey().safeParse(key).success) return [];
    return [[key, cut(String(value).replaceAll("\0", ""))] as const];
  });
  return Object.fromEntries(pairs);
}

/** Cuts a list that is too long after its last whole item. */
function cut(value: string): string {
  if (value.length <= MAX_VALUE_LENGTH) return value;
  const head = value.slice(0, MAX_VALUE_LENGTH);
  const comma = head.lastIndexOf(",");
  return comma > 0 ? head.slice(0, comma) : head;
}
