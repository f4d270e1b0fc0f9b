import { posix } from "node:path";
import { jobEnvironment } from "../environment.ts";
import { StartFailedError, type Task } from "../executor.ts";
import type { EngineFacts } from "./engine.ts";
import type { EngineMount } from "./mounts.ts";

export const LABEL = {
  agent: "com.tanvrit.compute.agent",
  node: "com.tanvrit.compute.node",
  execution: "com.tanvrit.compute.execution",
  job: "com.tanvrit.compute.job",
} as const;

/** Where a container finds the execution's own directory. */
export const WORK_DIR = "/work";

/**
 * What root in a container may do, of the capabilities there are: enough to install packages, to own files, and to
 * become another user. The rest is for the job to ask for.
 */
export const USUAL_CAPABILITIES = [
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "NET_BIND_SERVICE",
  "SETGID",
  "SETUID",
];
/** What a job may have for the asking: with these, engines themselves start containers unless told otherwise. */
const HARMLESS_CAPABILITIES = ["AUDIT_WRITE", "MKNOD", "NET_RAW", "SETFCAP", "SETPCAP", "SYS_CHROOT"];

const MIB = 1024 * 1024;
/** Jobs go before the agent and the owner's own programs when the machine is out of memory. */
const OOM_SCORE_ADJ = 500;
/** The least share the kernel knows. */
const LEAST_CPU = 0.01;

export interface ContainerPlan {
  agentId: string;
  facts: EngineFacts;
  /** Those the job asks for, checked. */
  mounts: readonly EngineMount[];
  /** Capabilities the machine's owner allows beyond the harmless. */
  grantedCapabilities: readonly string[];
  /** The container cannot get more than this account has anyway. */
  anyCapability: boolean;
  /** Groups of the node's GPU devices, where the container gets the devices themselves. */
  gpuGroups: readonly string[];
}

/** The body of `/containers/create`. Pure. Throws StartFailedError where the job asks for what it may not have. */
export function containerBody(task: Task, plan: ContainerPlan): Record<string, unknown> {
  const { manifest } = task.assignment;
  const { image, docker, workdir } = manifest;
  return {
    Image: image,
    ...commandOf(task),
    Env: environmentOf(task),
    WorkingDir: startDir(workdir),
    Labels: labelsOf(task, plan.agentId),
    Tty: false,
    OpenStdin: false,
    // A job ends by itself; whether a service in it is well asks nobody.
    Healthcheck: { Test: ["NONE"] },
    ...(docker?.user === undefined ? {} : { User: docker.user }),
    HostConfig: hostConfig(task, plan),
  };
}

/** Where in the container the command starts. */
export function startDir(workdir = "."): string {
  return posix.resolve(WORK_DIR, workdir);
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
  const env = jobEnvironment({ ...task, environment: {} });
  // The init of the container hands signals on to the command's children, too, as they get them outside of one.
  return Object.entries({ TINI_KILL_PROCESS_GROUP: "1", ...env }).map(([name, value]) => `${name}=${value}`);
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
    ...capabilities(task, plan),
    SecurityOpt: ["no-new-privileges"],
    OomScoreAdj: OOM_SCORE_ADJ,
    // Reaps what the command does not, and dies of signals that a first process would not even notice.
    Init: true,
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

function capabilities(task: Task, plan: ContainerPlan): { CapDrop: string[]; CapAdd: string[] } {
  const { capAdd = [], capDrop = [] } = task.assignment.manifest.docker ?? {};
  const mayHave = new Set([...USUAL_CAPABILITIES, ...HARMLESS_CAPABILITIES, ...plan.grantedCapabilities]);
  const refused = capAdd.filter((name) => !plan.anyCapability && !mayHave.has(name));
  if (refused.length > 0) {
    throw new StartFailedError(
      `The job may not have the capability ${refused.join(", ")} on this node: its owner can allow it by docker.capabilities in agent.yaml.`,
    );
  }
  const kept = USUAL_CAPABILITIES.filter((name) => !capDrop.includes(name) && !capDrop.includes("ALL"));
  // All of them go in any case; of a name that is none, the engine says so.
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
