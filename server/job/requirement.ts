import { type Asked, askedOfContainer } from "../../shared/allow.ts";
import type { Resources } from "../../shared/job-fields.ts";
import type { Labels } from "../../shared/labels.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { RecentMap } from "../runtime/recent-map.ts";

/** What a job asks of a node. Jobs that ask for the same share a queue key, so matching looks at keys, not at jobs. */
export interface Requirement extends Asked {
  labels: Labels;
  selector: string | undefined;
  resources: Resources;
  pool: string;
}

export function requirementOf(manifest: JobManifest, userId: string | undefined): Requirement {
  const { type, labels, selector, resources, pool, image, docker } = manifest;
  const container = type === "DOCKER" ? { container: askedOfContainer(image, docker) } : {};
  return { type, userId, labels, selector, resources, pool, ...container };
}

/** The digests of requirements that many jobs share. */
const digests = new RecentMap<string>(1_000);

/** Ends the requirement in a queue key. */
const MAY_WAIT_AHEAD = "+";

/**
 * Whether the job may go to a node before a slot is free for it there. That is only for jobs that cost nothing while they
 * wait: they take no capacity but a slot, need nothing that is fetched first, and no limit counts them before they start.
 */
function mayWaitAhead(manifest: JobManifest): boolean {
  const { type, resources, startTimeoutSeconds, concurrency } = manifest;
  const { inputs, secretEnv, secretFiles, envFrom } = manifest;
  const { cpu, memoryMb, gpuCount } = resources;
  const takesCapacity = cpu > 0 || memoryMb > 0 || gpuCount > 0;
  const isCounted = startTimeoutSeconds !== undefined || concurrency !== undefined;
  const needsFetching = (inputs ?? secretEnv ?? secretFiles ?? envFrom) !== undefined;
  return type === "COMMAND" && !takesCapacity && !isCounted && !needsFetching;
}

/**
 * `<requirement>/<user>`: the same for all jobs of a user with the same requirement, regardless of the order of their
 * labels. Each user has separate queues, so that no user's jobs block everyone else's. Jobs that may wait ahead of a free
 * slot are in separate queues, too; see `waitsAhead`.
 */
export function queueKeyOf(manifest: JobManifest, userId: string): string {
  const { cpu, memoryMb, gpuCount } = manifest.resources;
  const labels = Object.entries(manifest.labels).sort(([a], [b]) => (a < b ? -1 : 1));
  const canonical = JSON.stringify([
    manifest.type,
    manifest.pool,
    labels,
    manifest.selector,
    cpu,
    memoryMb,
    gpuCount,
    ...(manifest.type === "DOCKER" ? [askedOfContainer(manifest.image, manifest.docker)] : []),
  ]);
  const requirement = digests.getOrMake(canonical, () =>
    Bun.SHA256.hash(canonical, "base64url").slice(0, 22),
  );
  return `${requirement}${mayWaitAhead(manifest) ? MAY_WAIT_AHEAD : ""}/${userId}`;
}

/** Whether the jobs of this queue may go to a node before a slot is free for them there. */
export function waitsAhead(queueKey: string): boolean {
  return queueKey.slice(0, queueKey.indexOf("/")).endsWith(MAY_WAIT_AHEAD);
}

export function userOfQueue(queueKey: string): string {
  return queueKey.slice(queueKey.indexOf("/") + 1);
}
