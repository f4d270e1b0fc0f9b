import { posix } from "node:path";
import { USUAL_CAPABILITIES } from "../../../shared/allow.ts";
import { MIB } from "../../../shared/bytes-text.ts";
import type { JobManifest } from "../../../shared/manifest.ts";
import { signalToSend } from "../../../shared/stop-signal.ts";
import type { Task } from "../port/executor.ts";
import { jobEnvironment } from "../port/job-environment.ts";
import type { EngineFacts } from "./engine.ts";
import type { ImageFacts } from "./image-facts.ts";
import type { EngineMount } from "./mounts.ts";

export const LABEL = {
  agent: "com.tanvrit.compute.agent",
  node: "com.tanvrit.compute.node",
  execution: "com.tanvrit.compute.execution",
  job: "com.tanvrit.compute.job",
} as const;

/** The path of the execution's directory inside its container. */
export const WORK_DIR = "/work";

/** When the machine runs out of memory, the kernel kills jobs before the agent and the owner's programs. */
const OOM_SCORE_ADJ = 500;
/** The smallest share of a core that the kernel accepts. */
const LEAST_CPU = 0.01;

export interface ContainerPlan {
  agentId: string;
  facts: EngineFacts;
  /** The mounts that the job asks for, after they were checked. */
  mounts: readonly EngineMount[];
  image: ImageFacts;
  /** The user that it runs as, such as `1000:1000`; undefined: as the job or the image says. */
  user: string | undefined;
  /** The groups of the node's GPU devices, if the container gets the devices themselves. */
  gpuGroups: readonly string[];
}

/** The body of the request to `/containers/create`. Pure. */
export function containerBody(task: Task, plan: ContainerPlan): Record<string, unknown> {
  const { manifest } = task.assignment;
  const { image, docker, stopSignal } = manifest;
  const workdir = startDir(manifest, plan.image);
  const user = plan.user ?? docker?.user;
  return {
    Image: image,
    ...commandOf(task),
    Env: environmentOf(task),
    ...(workdir === undefined ? {} : { WorkingDir: workdir }),
    ...(stopSignal === undefined ? {} : { StopSignal: String(signalToSend(stopSignal)) }),
    Labels: containerLabels(task, plan.agentId),
    Tty: false,
    OpenStdin: false,
    ...(user === undefined ? {} : { User: user }),
    HostConfig: hostConfig(task, plan),
  };
}

/** The directory in the container in which the command starts; undefined: the one that the image names. */
export function startDir({ workdir, inputs }: JobManifest, image: ImageFacts): string | undefined {
  // A job with inputs starts where they are.
  if (workdir === undefined && inputs === undefined && image.workdir !== undefined) return undefined;
  return posix.resolve(WORK_DIR, workdir ?? ".");
}

export function containerLabels(task: Task, agentId: string): Record<string, string> {
  const { executionId, jobId } = task.assignment;
  return {
    [LABEL.agent]: agentId,
    [LABEL.node]: task.nodeId,
    [LABEL.execution]: executionId,
    [LABEL.job]: jobId,
  };
}

/**
 * A list is passed to the image's entrypoint, as with `docker run`. A text is run by `sh -c`, as for every job, and
 * the image's entrypoint is ignored. If the job names an entrypoint, that entrypoint gets the list or the text.
 */
function commandOf(task: Task): { Cmd?: string[]; Entrypoint?: string[] } {
  const { command, docker } = task.assignment.manifest;
  const asked = docker?.entrypoint;
  const entrypoint = typeof asked === "string" ? [asked] : asked;
  const words = typeof command === "string" ? ["sh", "-c", command] : command;
  // To the engine, [""] means no entrypoint, and an empty list means the image's own.
  if (entrypoint)
    return { Entrypoint: entrypoint.length === 0 ? [""] : entrypoint, ...(words ? { Cmd: words } : {}) };
  if (words === undefined) return {};
  return typeof command === "string"
    ? { Entrypoint: words.slice(0, 2), Cmd: words.slice(2) }
    : { Cmd: words };
}

/** PATH, HOME and the like come from the image. A container gets nothing from the agent's environment. */
function environmentOf(task: Task): string[] {
  const env = jobEnvironment({ ...task, environment: {}, dir: WORK_DIR, account: undefined });
  // Makes the container's init pass signals on to the command's children too, which get them outside a container as well.
  const ofInit = task.assignment.manifest.docker?.init === false ? {} : { TINI_KILL_PROCESS_GROUP: "1" };
  return Object.entries({ ...ofInit, ...env }).map(([name, value]) => `${name}=${value}`);
}

function hostConfig(task: Task, plan: ContainerPlan): Record<string, unknown> {
  const { limits } = task;
  const { docker } = task.assignment.manifest;
  const pids = Math.min(limits.pids ?? Number.POSITIVE_INFINITY, docker?.pids ?? Number.POSITIVE_INFINITY);
  return {
    ...(limits.cpu === undefined ? {} : { NanoCpus: nanoCpus(limits.cpu, plan.facts.cpus) }),
    // No swap in addition: the limit is all that the job gets.
    ...(limits.memoryMb === undefined
      ? {}
      : { Memory: limits.memoryMb * MIB, MemorySwap: limits.memoryMb * MIB }),
    ...(Number.isFinite(pids) ? { PidsLimit: pids } : {}),
    ...(docker?.shmMb === undefined ? {} : { ShmSize: docker.shmMb * MIB }),
    ...(docker?.network === undefined ? {} : { NetworkMode: docker.network }),
    ...workMount(task.dir, plan.mounts),
    ...gpuAccess(task, plan),
    ...capabilities(task),
    SecurityOpt: ["no-new-privileges"],
    OomScoreAdj: OOM_SCORE_ADJ,
    // An init reaps the processes that the command does not, and dies from signals that a process 1 would ignore.
    Init: docker?.init ?? true,
    AutoRemove: false,
    RestartPolicy: { Name: "no" },
    // The agent stores the output; a second copy on the engine's disk would grow without bound.
    LogConfig: { Type: "none", Config: {} },
  };
}

/** The engine refuses more cores than the machine has; that many mean no limit anyway. */
function nanoCpus(cpu: number, available: number): number {
  const held = available > 0 ? Math.min(cpu, available) : cpu;
  return Math.round(Math.max(held, LEAST_CPU) * 1e9);
}

/** With SELinux, the `Z` gives the container access. A path with a colon cannot be written in this form. */
function workMount(dir: string, mounts: readonly EngineMount[]): Record<string, unknown> {
  if (!dir.includes(":")) return { Binds: [`${dir}:${WORK_DIR}:rw,Z`], Mounts: mounts };
  const work: EngineMount = { Type: "bind", Source: dir, Target: WORK_DIR, ReadOnly: false };
  return { Mounts: [work, ...mounts] };
}

/** Drops all capabilities except the usual ones and those that the job asks for. The engine reports invalid names. */
function capabilities(task: Task): { CapDrop: string[]; CapAdd: string[] } {
  const { capAdd = [], capDrop = [] } = task.assignment.manifest.docker ?? {};
  const kept = USUAL_CAPABILITIES.filter((name) => !capDrop.includes(name) && !capDrop.includes("ALL"));
  return { CapDrop: [...new Set(["ALL", ...capDrop])], CapAdd: [...new Set([...kept, ...capAdd])] };
}

function gpuAccess({ gpus }: Task, { facts, gpuGroups }: ContainerPlan): Record<string, unknown> {
  const nvidia = gpus.filter((gpu) => gpu.vendor === "nvidia").map((gpu) => gpu.uuid ?? String(gpu.index));
  if (nvidia.length > 0) {
    const request = facts.isPodman
      ? { Driver: "cdi", DeviceIDs: nvidia.map((id) => `nvidia.com/gpu=${id}`) }
      : { Driver: "nvidia", DeviceIDs: nvidia };
    return { DeviceRequests: [{ ...request, Capabilities: [["gpu"]] }] };
  }
  if (!gpus.some((gpu) => gpu.vendor === "amd")) return {};
  // As outside a container, ROCR_VISIBLE_DEVICES limits the job to its own devices.
  const Devices = ["/dev/kfd", "/dev/dri"].map((path) => ({
    PathOnHost: path,
    PathInContainer: path,
    CgroupPermissions: "rwm",
  }));
  return { Devices, GroupAdd: gpuGroups };
}
