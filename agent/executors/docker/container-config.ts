import { posix } from "node:path";
import { USUAL_CAPABILITIES } from "../../../shared/allow.ts";
import { MIB } from "../../../shared/bytes-text.ts";
import type { JobManifest } from "../../../shared/manifest.ts";
import { signalToSend } from "../../../shared/stop-signal.ts";
import { jobEnvironment } from "../port/environment.ts";
import type { Task } from "../port/executor.ts";
import type { EngineFacts } from "./engine.ts";
import type { ImageFacts } from "./image-facts.ts";
import type { EngineMount } from "./mounts.ts";

export const LABEL = {
  agent: "com.tanvrit.compute.agent",
  node: "com.tanvrit.compute.node",
  execution: "com.tanvrit.compute.execution",
  job: "com.tanvrit.compute.job",
} as const;

/** Where a container finds the execution's own directory. */
export const WORK_DIR = "/work";

/** Jobs go before the agent and the owner's own programs when the machine is out of memory. */
const OOM_SCORE_ADJ = 500;
/** The least share the kernel knows. */
const LEAST_CPU = 0.01;

export interface ContainerPlan {
  agentId: string;
  facts: EngineFacts;
  /** Those the job asks for, checked. */
  mounts: readonly EngineMount[];
  image: ImageFacts;
  /** Who it runs as, as `1000:1000`; undefined: as the job and the image say. */
  user: string | undefined;
  /** Groups of the node's GPU devices, where the container gets the devices themselves. */
  gpuGroups: readonly string[];
}

/** The body of `/containers/create`. Pure. */
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
    Labels: labelsOf(task, plan.agentId),
    Tty: false,
    OpenStdin: false,
    ...(user === undefined ? {} : { User: user }),
    HostConfig: hostConfig(task, plan),
  };
}

/** Where in the container the command starts; undefined: where the image says. */
export function startDir({ workdir }: JobManifest, image: ImageFacts): string | undefined {
  if (workdir === undefined && image.workdir !== undefined) return undefined;
  return posix.resolve(WORK_DIR, workdir ?? ".");
}

export function labelsOf(task: Task, agentId: string): Record<string, string> {
  const { executionId, jobId } = task.assignment;
  return {
    [LABEL.agent]: agentId,
    [LABEL.node]: task.nodeId,
    [LABEL.execution]: executionId,
    [LABEL.job]: jobId,
  };
}

/**
 * A list is given to the image's entrypoint, as by the engine's own command line. A text is run by `sh -c` whatever the
 * image's entrypoint is, as for every job; one that the job itself names runs it.
 */
function commandOf(task: Task): { Cmd?: string[]; Entrypoint?: string[] } {
  const { command, docker } = task.assignment.manifest;
  const asked = docker?.entrypoint;
  const entrypoint = typeof asked === "string" ? [asked] : asked;
  const words = typeof command === "string" ? ["sh", "-c", command] : command;
  // The engine takes [""] for "none", and an empty list for "the image's own".
  if (entrypoint)
    return { Entrypoint: entrypoint.length === 0 ? [""] : entrypoint, ...(words ? { Cmd: words } : {}) };
  if (words === undefined) return {};
  return typeof command === "string"
    ? { Entrypoint: words.slice(0, 2), Cmd: words.slice(2) }
    : { Cmd: words };
}

/** PATH, HOME and the like are the image's; of the agent's own environment a container gets nothing. */
function environmentOf(task: Task): string[] {
  const env = jobEnvironment({ ...task, environment: {}, dir: WORK_DIR, account: undefined });
  // The init of the container hands signals on to the command's children, too, as they get them outside of one.
  const ofInit = task.assignment.manifest.docker?.init === false ? {} : { TINI_KILL_PROCESS_GROUP: "1" };
  return Object.entries({ ...ofInit, ...env }).map(([name, value]) => `${name}=${value}`);
}

function hostConfig(task: Task, plan: ContainerPlan): Record<string, unknown> {
  const { limits } = task;
  const { docker } = task.assignment.manifest;
  const pids = Math.min(limits.pids ?? Number.POSITIVE_INFINITY, docker?.pids ?? Number.POSITIVE_INFINITY);
  return {
    ...(limits.cpu === undefined ? {} : { NanoCpus: nanoCpus(limits.cpu, plan.facts.cpus) }),
    // No swap on top: what a job is given is what it gets.
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
    // Reaps what the command does not, and dies of signals that a first process would not even notice.
    Init: docker?.init ?? true,
    AutoRemove: false,
    RestartPolicy: { Name: "no" },
    // The output goes to us; a second copy on the engine's disk would grow without a bound.
    LogConfig: { Type: "none", Config: {} },
  };
}

/** More than the machine has is refused by the engine, and means no limit. */
function nanoCpus(cpu: number, available: number): number {
  const held = available > 0 ? Math.min(cpu, available) : cpu;
  return Math.round(Math.max(held, LEAST_CPU) * 1e9);
}

/** The `Z` lets the container in where SELinux is on; a path that has a colon cannot be written so. */
function workMount(dir: string, mounts: readonly EngineMount[]): Record<string, unknown> {
  if (!dir.includes(":")) return { Binds: [`${dir}:${WORK_DIR}:rw,Z`], Mounts: mounts };
  const work: EngineMount = { Type: "bind", Source: dir, Target: WORK_DIR, ReadOnly: false };
  return { Mounts: [work, ...mounts] };
}

/** All of them go but the usual ones and what the job asks for; of a name that is none, the engine says so. */
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
  // Which of them are the job's, ROCR_VISIBLE_DEVICES says in the container as it does outside.
  const Devices = ["/dev/kfd", "/dev/dri"].map((path) => ({
    PathOnHost: path,
    PathInContainer: path,
    CgroupPermissions: "rwm",
  }));
  return { Devices, GroupAdd: gpuGroups };
}
