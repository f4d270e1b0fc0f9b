import { chmodSync, mkdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import { checkAllowed } from "../port/check-allowed.ts";
import { StartFailedError, type Task } from "../port/executor.ts";
import { cleanUpAfter } from "./clean-up.ts";
import { containerBody, startDir, WORK_DIR } from "./container-config.ts";
import { createContainer, removeContainer, startContainer } from "./containers.ts";
import { DockerTask } from "./docker-task.ts";
import type { Engine, EngineFacts } from "./engine.ts";
import { untilCommandRuns } from "./first-look.ts";
import type { ImageFacts } from "./image-facts.ts";
import { checkMounts, type EngineMount } from "./mounts.ts";
import { openFiles } from "./open-files.ts";
import { ensureImage } from "./pull.ts";
import { registryAuth } from "./registry-auth.ts";
import type { ContainerGrants } from "./settings.ts";
import { prepareVolumes } from "./volumes.ts";

export interface LaunchSite {
  engine: Engine;
  facts: EngineFacts;
  agentId: string;
  environment: Readonly<Record<string, string | undefined>>;
  settings(): ContainerGrants;
  /** Called when the container is gone. */
  onGone(): void;
  /** Called if the container has ended but could not be removed. */
  onLeft(): void;
}

const ENGINE_SOCKETS = [
  "/var/run/docker.sock",
  "/run/containerd/containerd.sock",
  // The one of an engine that brings its own containerd.
  "/var/run/docker/containerd/containerd.sock",
  "/run/podman/podman.sock",
];
const GPU_DEVICES = ["/dev/kfd", "/dev/dri/renderD128"];

/** Pulls the image, creates the container, and starts it. Throws StartFailedError if it cannot, and leaves nothing behind. */
export async function launch(task: Task, signal: AbortSignal, site: LaunchSite): Promise<DockerTask> {
  const { engine, facts, agentId } = site;
  // Refuse what the job may not have before anything is pulled.
  checkAllowed(site.settings().allow, task.assignment);
  const mounts = mountsOf(task, site);
  const user = userOf(task, mounts, site);
  const image = await fetchImage(task, signal, site);
  const { inputs, secretFiles } = task.assignment.manifest;
  if (inputs || secretFiles) {
    await openFiles(task.dir, user ?? task.assignment.manifest.docker?.user ?? image.user, facts);
  }
  openDirectories(task, image);
  const body = containerBody(task, { agentId, facts, mounts, image, user, gpuGroups: gpuGroupsOf(task) });
  const name = `tanvrit-${task.assignment.executionId}`;
  const detach = new AbortController();
  try {
    await prepareVolumes(engine, mounts, { agentId, allowed: site.settings().allow.volumes });
    signal.throwIfAborted();
    const containerId = await createContainer(engine, name, body);
    signal.throwIfAborted();
    const output = await engine.attach(containerId, detach.signal);
    signal.throwIfAborted();
    await startContainer(engine, containerId);
    const command = await untilCommandRuns(engine, containerId, output, hasInit(task));
    const { state, meter } = command;
    const cleanUp = async () => {
      const result = await cleanUpAfter(engine, facts, task, { id: containerId, agentId });
      if (result !== "done") site.onLeft();
      site.onGone();
      return result !== "unreachable";
    };
    const hasEnded = () => (state.Running ? meter && !meter.isAlive() : true);
    const stopSignal = task.assignment.manifest.stopSignal ?? image.stopSignal ?? "SIGTERM";
    return new DockerTask({
      engine,
      containerId,
      task,
      stream: command.stream,
      detach,
      outputRoot: outputRootOf(task, image),
      hasInit: hasInit(task),
      stopSignal,
      meter,
      hasEnded,
      cleanUp,
    });
  } catch (error) {
    detach.abort();
    // By name: an engine that was too slow to answer may have created it anyway.
    await removeContainer(engine, name).catch(site.onLeft);
    signal.throwIfAborted();
    if (error instanceof StartFailedError) throw error;
    throw new StartFailedError(`The container could not be started: ${textOf(error)}`, {
      cause: error,
    });
  }
}

/** The job's directory, or the directory in it where the command starts. */
function outputRootOf({ dir, assignment }: Task, image: ImageFacts): string {
  const within = posix.relative(WORK_DIR, startDir(assignment.manifest, image) ?? WORK_DIR);
  return within.startsWith("..") ? dir : join(dir, within);
}

/**
 * Opens the job's directory, and the directory inside it where the command starts, to any user of the container; the engine
 * would create the latter for root. Other accounts cannot reach them, because the directories above belong to the agent.
 */
function openDirectories({ dir, assignment }: Task, image: ImageFacts): void {
  chmodSync(dir, 0o777);
  const start = startDir(assignment.manifest, image) ?? WORK_DIR;
  const within = posix.relative(WORK_DIR, start);
  let path = dir;
  for (const name of within.startsWith("..") ? [] : within.split("/").filter(Boolean)) {
    path = join(path, name);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
  }
}

function mountsOf(task: Task, { engine, settings }: LaunchSite): EngineMount[] {
  const { docker, allow, kept } = settings();
  const own = engine.endpoint.socketPath;
  return checkMounts(task.assignment.manifest.docker?.mounts ?? [], {
    allowed: allow.mounts,
    allowSocket: docker.allowSocket,
    sockets: own === undefined ? ENGINE_SOCKETS : [own, ...ENGINE_SOCKETS],
    kept,
  });
}

/**
 * The user for a container that mounts directories of the node, if the engine has more rights there than the account of
 * the node's jobs: that account. Then the kernel enforces the account's rights, and no program that root leaves there can
 * make anyone root. undefined: as the job or its image says. Throws StartFailedError if the job asks for another user.
 */
function userOf(
  task: Task,
  mounts: readonly EngineMount[],
  { facts, settings }: LaunchSite,
): string | undefined {
  const { uid, gid } = task.account ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  // On macOS and Windows the engine accesses files with the rights of the account that started it.
  const engineIsMightier = process.platform === "linux" && uid !== 0 && !facts.rootless && !facts.ownUsers;
  const isBound = mounts.some(({ Type }) => Type === "bind");
  if (!isBound || !engineIsMightier || settings().docker.anyUser) return undefined;
  const account = `${uid}:${gid}`;
  const asked = task.assignment.manifest.docker?.user;
  if (asked === undefined || asked === account || asked === String(uid)) return account;
  throw new StartFailedError(
    `The job may not run as ${asked}: a container that mounts the node's directories runs as the account of the node's jobs, ${account} (docker.anyUser in agent.yaml).`,
  );
}

function gpuGroupsOf({ gpus }: Task): string[] {
  return gpus.some((gpu) => gpu.vendor === "amd") ? groupsOf(GPU_DEVICES) : [];
}

async function fetchImage(task: Task, signal: AbortSignal, site: LaunchSite): Promise<ImageFacts> {
  const { image: reference, docker } = task.assignment.manifest;
  if (reference === undefined) throw new StartFailedError("The job names no image.");
  return ensureImage(site.engine, {
    reference,
    policy: docker?.pull ?? "missing",
    auth: (image) => registryAuth(image, docker?.registry, site.settings().registries, site.environment),
    tell: (text) => task.output.system(text),
    signal,
  });
}

function groupsOf(devices: readonly string[]): string[] {
  const groups = devices.flatMap((path) => {
    try {
      return [String(statSync(path).gid)];
    } catch {
      // The device does not exist; the engine reports what is missing.
      return [];
    }
  });
  return [...new Set(groups)];
}

function hasInit({ assignment }: Task): boolean {
  return assignment.manifest.docker?.init ?? true;
}
