import { chmodSync, mkdirSync, statSync } from "node:fs";
import { join, posix } from "node:path";
import { StartFailedError, type Task } from "../executor.ts";
import { cleanUpAfter } from "./clean-up.ts";
import { containerBody, startDir, WORK_DIR } from "./container-config.ts";
import { createContainer, removeContainer, startContainer } from "./containers.ts";
import { DockerTask } from "./docker-task.ts";
import type { Engine, EngineFacts } from "./engine.ts";
import { untilCommandRuns } from "./first-look.ts";
import { checkMounts } from "./mounts.ts";
import { ensureImage } from "./pull.ts";
import { registryAuth } from "./registry-auth.ts";
import type { DockerGrants, RegistryLogins } from "./settings.ts";

export interface LaunchSite {
  engine: Engine;
  facts: EngineFacts;
  agentId: string;
  environment: Readonly<Record<string, string | undefined>>;
  settings(): { registries: RegistryLogins; docker: DockerGrants };
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
  const body = bodyOf(task, site);
  await fetchImage(task, signal, site);
  openDirectories(task);
  const name = `tanvrit-${task.assignment.executionId}`;
  const detach = new AbortController();
  try {
    signal.throwIfAborted();
    const containerId = await createContainer(engine, name, body);
    signal.throwIfAborted();
    const stream = await engine.attach(containerId, detach.signal);
    signal.throwIfAborted();
    await startContainer(engine, containerId);
    const { state, meter, ...started } = await untilCommandRuns(engine, containerId, stream);
    const cleanUp = async () => {
      const result = await cleanUpAfter(engine, facts, task, { id: containerId, agentId });
      if (result !== "done") site.onLeft();
      site.onGone();
      return result !== "unreachable";
    };
    const hasEnded = () => (state.Running ? meter && !meter.isAlive() : true);
    return new DockerTask({ ...started, engine, containerId, task, detach, meter, hasEnded, cleanUp });
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
function openDirectories({ dir, assignment }: Task): void {
  chmodSync(dir, 0o777);
  const within = posix.relative(WORK_DIR, startDir(assignment.manifest.workdir));
  let path = dir;
  for (const name of within.startsWith("..") ? [] : within.split("/").filter(Boolean)) {
    path = join(path, name);
    mkdirSync(path, { recursive: true });
    chmodSync(path, 0o777);
  }
}

function bodyOf(task: Task, { engine, facts, agentId, settings }: LaunchSite): Record<string, unknown> {
  const grants = settings().docker;
  const uid = process.getuid?.() ?? 0;
  // On macOS and Windows the engine reaches files with the rights of whoever started it.
  const engineIsMightier = process.platform === "linux" && uid !== 0 && !facts.rootless;
  const own = engine.endpoint.socketPath;
  const mounts = checkMounts(task.assignment.manifest.docker?.mounts ?? [], {
    grants,
    engineIsMightier,
    uid,
    sockets: own === undefined ? ENGINE_SOCKETS : [own, ...ENGINE_SOCKETS],
  });
  return containerBody(task, {
    agentId,
    facts,
    mounts,
    grantedCapabilities: grants.capabilities,
    anyCapability: !engineIsMightier,
    gpuGroups: task.gpus.some((gpu) => gpu.vendor === "amd") ? groupsOf(GPU_DEVICES) : [],
  });
}

async function fetchImage(task: Task, signal: AbortSignal, site: LaunchSite): Promise<void> {
  const { image: reference, docker } = task.assignment.manifest;
  if (reference === undefined) throw new StartFailedError("The job names no image.");
  await ensureImage(site.engine, {
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
      // No such device here; the engine says what it misses.
      return [];
    }
  });
  return [...new Set(groups)];
}
