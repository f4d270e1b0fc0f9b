import type { Job, JobManifestInput } from "../../sdk/index.ts";
import type { Fields } from "./document.ts";

/** The fields of a manifest that another run of the same job has too. `after` and `notBefore` were meant for once. */
const FIELDS = [
  ...["name", "type", "image", "command", "workflow", "docker", "workdir", "env", "secretEnv", "secretFiles"],
  ...["inputs", "outputs", "resources", "pool", "labels", "selector", "array", "envFrom"],
  ...["timeoutSeconds", "graceSeconds", "stopSignal", "maxRetries", "retryOn", "maxLogMb"],
  ...["queueTtlSeconds", "startTimeoutSeconds", "priority", "concurrency"],
] as const satisfies readonly (keyof JobManifestInput)[];

/** Defaults of the server: a field that has its default is left out. */
const DEFAULTS: Fields = { type: "COMMAND", pool: "default", maxRetries: 0, priority: 0 };
const DEFAULTS_WITHIN: Readonly<Record<string, Fields>> = {
  resources: { cpu: 0, memoryMb: 0, gpuCount: 0 },
  docker: { mounts: [], init: true, pull: "missing", capAdd: [], capDrop: [] },
  concurrency: { limit: 1, cancelInProgress: false },
  workflow: { event: "push" },
};

/** The manifest that submits a job like this one, as a person would write it. */
export function manifestOfJob(job: Partial<Job> | Fields): Fields {
  const given = job as Fields;
  const graceSeconds = given.type === "GITHUB_ACTION" ? 300 : 10;
  const defaults: Fields = { ...DEFAULTS, graceSeconds };
  const manifest: Fields = {};
  for (const field of FIELDS) {
    const within = DEFAULTS_WITHIN[field];
    const value = within ? without(given[field], within) : given[field];
    if (value !== undefined && !isSame(value, defaults[field]) && !isNothing(value)) manifest[field] = value;
  }
  return manifest;
}

function without(value: unknown, defaults: Fields): unknown {
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).filter(([name, one]) => !isSame(one, defaults[name])));
}

function isNothing(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
