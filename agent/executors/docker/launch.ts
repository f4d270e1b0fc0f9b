import { chmodSync, mkdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { checkAllowed } from "../port/check-allowed.ts";
import { StartFailedError, type Task } from "../port/executor.ts";
import { cleanUpAfter } from "./clean-up.ts";
import { containerBody, startDir, WORK_DIR } from "./container-config.ts";
import { createContainer, removeContainer, startContainer } from "./containers.ts";
import { DockerTask } from "./docker-task.ts";
import type { Engine, EngineFacts } from "./engine.ts";
import { untilCommandRuns } from "./first-look.ts";
import { type ImageFacts, imageFacts } from "./image-facts.ts";
import { checkMounts, type EngineMount } from "./mounts.ts";
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
  /** The container is gone. */
  onGone(): void;
  /** The container is over, but could not be removed. */
  onLeft(): void;
}

const ENGINE_SOCKETS = [
  "/var/run/docker.sock",
  "/run/containerd/containerd.sock",
  // Of an engine that brings its own.
  "/var/run/docker/containerd/containerd.sock",
  "/run/podman/podman.sock",
];
const GPU_DEVICES = ["/dev/kfd", "/dev/dri/renderD128"];

/** Fetches the image, makes the container, and starts it; when it cannot, nothing is left of it. */
export async function launch(task: Task, signal: AbortSignal, site: LaunchSite): Promise<DockerTask> {
  const { engine, facts, agentId } = site;
  // What the job may not have is told before anything is fetched.
  checkAllowed(site.settings().allow, task.assignment);
  const mounts = mountsOf(task, site);
  const user = userOf(task, mounts, site);
  const image = await fetchImage(task, signal, site);
  openDirectories(task, image);
  const body = containerBody(task, { agentId, facts, mounts, image, user, gpuGroups: gpuGroupsOf(task) });
  const name = `tanvrit-${task.assignment.executionId}`;
  const detach = new AbortController();
  try {
    await prepareVolumes(engine, mounts, { agentId, allowed: site.settings().allow.volumes });
    signal.throwIfAborted();
    const containerId = await createContainer(engine, name, body);
    signal.throwIfAborted();
    const stream = await engine.attach(containerId, detach.signal);
    signal.throwIfAborted();
    await startContainer(engine, containerId);
    const { state, meter, ...started } = await untilCommandRuns(engine, containerId, stream, hasInit(task));
    const cleanUp = async () => {
      const result = await cleanUpAfter(engine, facts, task, { id: containerId, agentId });
      if (result !== "done") site.onLeft();
      site.onGone();
      return result !== "unreachable";
    };
    const hasEnded = () => (state.Running ? meter && !meter.isAlive() : true);
    const stopSignal = task.assignment.manifest.stopSignal ?? image.stopSignal ?? "SIGTERM";
    const parts = { ...started, engine, containerId, task, detach, meter, hasEnded, cleanUp };
    const how = { stopSignal, hasInit: hasInit(task) };
    return new DockerTask({ ...parts, ...how });
  } catch (error) {
    detach.abort();
    // By name: an engine that was too slow to answer may have made it all the same.
    await removeContainer(engine, name).catch(site.onLeft);
    signal.throwIfAborted();
    if (error instanceof StartFailedError) throw error;
    throw new StartFailedError(`The container could not be started: ${(error as Error).message}`, {
      cause: error,
    });
  }
}

/**
 * Whoever the container runs as, its directory is its own, and where in it the command starts: the engine would make
 * that as root's. Nobody else gets to it, as those above it are the agent's own.
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
 * Who a container with directories of the node runs as, where the engine could do more in them than the agent's own
 * account: as that account, so that the kernel keeps to its rights, and no program that root leaves there makes anybody
 * root. undefined: as the job or its image says. Throws StartFailedError for a job that says something else.
 */
function userOf(
  task: Task,
  mounts: readonly EngineMount[],
  { facts, settings }: LaunchSite,
): string | undefined {
  const { uid, gid } = task.account ?? { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  // On macOS and Windows the engine reaches files with the rights of whoever started it.
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
  await ensureImage(site.engine, {
    reference,
    policy: docker?.pull ?? "missing",
    auth: (image) => registryAuth(image, docker?.registry, site.settings().registries, site.environment),
    tell: (text) => task.output.system(text),
    signal,
  });
  return imageFacts(site.engine, reference, signal);
}

function groupsOf(devices: readonly string[]): string[] {
  const groups = devices.flatMap((path) => {
    try {
      return [String(statSync(path).gid)];
    } catch {
      // No such device here; the engine says what it misses.
      return [];
    }
  });
  return [...new Set(groups)];
}

function hasInit({ assignment }: Task): boolean {
  return assignment.manifest.docker?.init ?? true;
}
