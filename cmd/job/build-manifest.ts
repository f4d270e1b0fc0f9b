import type { z } from "zod";
import { issuesOf } from "../../shared/issues.ts";
import { type FieldsSchema, fieldsFor, GRACE_OF_TYPE } from "../../shared/job-fields.ts";
import { type Labels, NODE_NAME_LABEL } from "../../shared/labels.ts";
import { asManifest } from "../../shared/manifest-rules.ts";
import { CliError } from "../exit/failure.ts";
import { checkOutputs, directoryOf, type JobDraft, readInputs, standIns } from "../files/job-draft.ts";
import { fileName, readTextFile } from "../input/read-file.ts";
import { workflowFlags } from "../workflow/draft/workflow-flags.ts";
import { dockerOf } from "./docker-options.ts";
import { firstGiven, type ManifestValues } from "./manifest-options.ts";
import { afterOf, concurrencyOf, retryList } from "./manifest-words.ts";

/** The job that the options, the file and the words after `--` describe together. Sends nothing. */
export async function buildManifest(
  options: ManifestValues,
  argv: readonly string[] | undefined,
): Promise<JobDraft> {
  const base: Partial<FileManifest> = options.file === undefined ? {} : await readManifest(options.file);
  const type = typeOf(options);
  if (!base.command && !argv?.length && (type ?? base.type ?? "COMMAND") === "COMMAND") {
    throw commandMissing(options.file);
  }
  const workflow = await workflowOf(options, type ?? base.type, base);
  const docker = dockerOf(options);
  const resources = defined({ cpu: options.cpu, memoryMb: options.memory, gpuCount: options.gpus });
  const { file } = options;
  const files = {
    inputs: workflow
      ? [...workflow.inputs, ...((await readInputs({ file }, base.inputs)) ?? [])]
      : await readInputs(options, base.inputs),
    envFrom: options["env-from"] ?? base.envFrom,
  };
  const standIn = standIns(files);
  const given = defined({
    inputs: (workflow ?? options.input) && standIn.inputs,
    envFrom: options["env-from"] && standIn.envFrom,
    name: options.name ?? (base.name === undefined ? workflow?.name : undefined),
    type,
    workflow: workflow?.workflow,
    image: options.image,
    docker: docker && { ...base.docker, ...docker },
    pool: options.pool,
    selector: options.selector,
    timeoutSeconds: options.timeout,
    graceSeconds: options.grace,
    stopSignal: options["stop-signal"],
    maxRetries: options["max-retries"],
    maxLogMb: options["max-log"],
    retryOn: options["retry-on"] === undefined ? undefined : retryList(options["retry-on"]),
    notBefore: options["not-before"],
    queueTtlSeconds: options["queue-ttl"],
    array: options.array,
    after: options.after?.map(afterOf),
    concurrency: concurrencyOf(options),
    startTimeoutSeconds: options["start-timeout"],
    priority: options.priority,
    workdir: options.workdir,
    command: argv?.length ? [...argv] : undefined,
    labels: labelsOf(options, workflow ? { ...workflow.labels, ...base.labels } : base.labels),
    env: workflow ? undefined : options.env && { ...base.env, ...options.env },
    outputs: checkOutputs(options.output),
    secretEnv: workflow
      ? undefined
      : options["secret-env"] && { ...base.secretEnv, ...options["secret-env"] },
    secretFiles: options["secret-file"] && { ...base.secretFiles, ...options["secret-file"] },
    resources: Object.keys(resources).length > 0 ? { ...base.resources, ...resources } : undefined,
  });
  const written = { ...base, ...defined(standIn), ...given };
  const checked = asManifest(fieldsFor(written)).safeParse(written);
  if (checked.success) {
    const { inputs: _inputs, envFrom: _envFrom, ...manifest } = checked.data;
    return { manifest, ...files, ...(workflow && { secrets: workflow.secrets }) };
  }
  const issues = issuesOf(checked.error).map((issue) => ({ ...issue, field: String(issue.path[0] ?? "") }));
  // Each field of the file was checked by itself; together, or with the flags, they may still be wrong.
  const ofFile = issues.every(({ field }) => !(field in given) && field in base);
  const lines = issues.map(({ path, field, message }) =>
    field in base && !(field in given)
      ? `${fileName(options.file ?? "")}: ${path.map(String).join(".")}: ${message}`
      : `${flagOf(path)}: ${message}`,
  );
  throw new CliError(ofFile ? "bad_data" : "usage", lines.join("; "));
}

function typeOf({ type, image, workflow }: ManifestValues): string | undefined {
  return type ?? (image !== undefined ? "DOCKER" : workflow !== undefined ? "GITHUB_ACTION" : undefined);
}

/** What the options and the file say about the workflow of the job; undefined for another job. */
async function workflowOf(options: ManifestValues, type: string | undefined, base: Partial<FileManifest>) {
  if (type === "GITHUB_ACTION") {
    const { jobWorkflow } = await import("../workflow/draft/job-workflow.ts");
    return jobWorkflow(options, base, await directoryOf(options.file ?? "."), process.env);
  }
  const useless = firstGiven(Object.keys(workflowFlags), options);
  if (useless === undefined) return undefined;
  throw new CliError("usage", `--${useless} is only for jobs of type GITHUB_ACTION`, {
    todo: "Name a workflow with --workflow PATH",
  });
}

function labelsOf(
  { label, node }: { label?: Labels | undefined; node?: string | undefined },
  base: Labels = {},
) {
  if (label === undefined && node === undefined) return Object.keys(base).length > 0 ? base : undefined;
  return { ...base, ...label, ...(node !== undefined && { [NODE_NAME_LABEL]: node }) };
}

type FileManifest = z.output<FieldsSchema>;

async function readManifest(file: string): Promise<Partial<FileManifest>> {
  const [{ parseYaml }, { jobFields }] = await Promise.all([
    import("../../shared/config/yaml.ts"),
    import("../../shared/manifest.ts"),
  ]);
  const { graceSeconds, ...fields } = parseYaml(await readTextFile(file), fileName(file), jobFields);
  return graceSeconds === GRACE_OF_TYPE ? fields : { ...fields, graceSeconds };
}

function commandMissing(file: string | undefined): CliError {
  if (file === undefined) {
    return new CliError("usage", "no command to run was given", {
      todo: "Put it after --, for example: tanvrit-compute job submit -- python train.py",
    });
  }
  return new CliError("bad_data", `${fileName(file)}: command: is missing`, {
    todo: "Add it to the file, or give the command after --",
  });
}

/** What a field is called on the command line, if the option has another name. */
const flagOfField: Record<string, string> = {
  docker: "the container options",
  "docker.mounts": "--mount",
  "docker.capAdd": "--cap-add",
  "docker.capDrop": "--cap-drop",
  "docker.shmMb": "--shm",
  labels: "--label",
  inputs: "--input",
  outputs: "--output",
  secretEnv: "--secret-env",
  secretFiles: "--secret-file",
  envFrom: "--env-from",
  timeoutSeconds: "--timeout",
  graceSeconds: "--grace",
  stopSignal: "--stop-signal",
  maxRetries: "--max-retries",
  retryOn: "--retry-on",
  maxLogMb: "--max-log",
  notBefore: "--not-before",
  queueTtlSeconds: "--queue-ttl",
  startTimeoutSeconds: "--start-timeout",
  "concurrency.group": "--concurrency-group",
  "concurrency.limit": "--concurrency-limit",
  "resources.memoryMb": "--memory",
  "resources.gpuCount": "--gpus",
  command: "the command after --",
};

/** Fields whose keys a person chooses. */
const namedByKey = new Set(["labels", "env", "secretEnv", "secretFiles"]);

function flagOf(path: readonly PropertyKey[]): string {
  const [first = "", second = ""] = path.map(String);
  const isGroup = first === "docker" || first === "resources";
  const flag =
    flagOfField[`${first}.${second}`] ??
    (isGroup && second ? `--${second}` : (flagOfField[first] ?? `--${first}`));
  return second && namedByKey.has(first) ? `${flag} ${second}` : flag;
}

function defined<Fields extends object>(fields: Fields): Partial<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<Fields>;
}
