import type { Job, JobManifestInput } from "../../sdk/index.ts";

/** What a field means when it is absent; the server fills it in. Fields inside a field have a table of their own. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  type: "COMMAND",
  labels: {},
  resources: {},
  pool: "default",
  maxRetries: 0,
  priority: 0,
  env: {},
};
const DEFAULTS_INSIDE: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  resources: { cpu: 0, memoryMb: 0, gpuCount: 0 },
  docker: { mounts: [], init: true, pull: "missing", capAdd: [], capDrop: [] },
  concurrency: { limit: 1, cancelInProgress: false },
  workflow: { event: "push" },
};
const GRACE_SECONDS = 10;
const WORKFLOW_GRACE_SECONDS = 300;

/** In the order in which a person would write them: what runs, where, when, and what happens if it fails. */
const FIELDS = [
  ...["name", "type", "image", "command", "workflow", "docker", "workdir", "env", "envFrom"],
  ...["secretEnv", "secretFiles", "inputs", "outputs", "pool", "labels", "selector", "resources"],
  ...["priority", "array", "after", "concurrency", "notBefore", "queueTtlSeconds", "startTimeoutSeconds"],
  ...["timeoutSeconds", "graceSeconds", "stopSignal", "maxRetries", "retryOn", "maxLogMb"],
] as const satisfies readonly (keyof JobManifestInput)[];

/** The manifest that submits this job once more, without fields that have their default. */
export function manifestOf(job: Job): JobManifestInput {
  const own: [string, unknown][] = [];
  for (const field of FIELDS) {
    // After the first attempt this is the time of a retry.
    if (field === "notBefore" && job.attempt > 0) continue;
    const value = shortOf(field, job[field]);
    if (value !== undefined && !isSame(value, defaultOf(field, job))) own.push([field, value]);
  }
  return Object.fromEntries(own) as JobManifestInput;
}

function defaultOf(field: string, { type }: Job): unknown {
  if (field === "graceSeconds") return type === "GITHUB_ACTION" ? WORKFLOW_GRACE_SECONDS : GRACE_SECONDS;
  return DEFAULTS[field];
}

function shortOf(field: string, value: unknown): unknown {
  if (field === "docker") return shortDocker(value as Job["docker"]);
  if (field === "after")
    return (value as Job["after"])?.map(({ jobId, on }) => without({ jobId, on }, { on: "success" }));
  const inside = DEFAULTS_INSIDE[field];
  return inside && isRecord(value) ? without(value, inside) : value;
}

function shortDocker(docker: Job["docker"]): unknown {
  if (!docker) return undefined;
  const mounts = docker.mounts.map((mount) => without(mount, { readOnly: false }));
  return without({ ...docker, mounts }, DEFAULTS_INSIDE.docker ?? {});
}

function without(fields: object, defaults: Readonly<Record<string, unknown>>): object {
  return Object.fromEntries(
    Object.entries(fields).filter(([name, value]) => value !== undefined && !isSame(value, defaults[name])),
  );
}

function isSame(value: unknown, other: unknown): boolean {
  return JSON.stringify(value) === JSON.stringify(other);
}

function isRecord(value: unknown): value is object {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
