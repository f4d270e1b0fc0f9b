import { z } from "zod";
import {
  defineOptions,
  flagOption,
  type OptionValues,
  optionNumber,
  optionPairs,
  optionText,
} from "../../shared/config/options.ts";
import { issuesOf } from "../../shared/issues.ts";
import { type Labels, NODE_NAME_LABEL } from "../../shared/labels.ts";
import { type JobManifestInput, jobFields, jobManifest, jobTypesInWords } from "../../shared/manifest.ts";
import { CliError } from "../exit/failure.ts";
import { fileName, readTextFile } from "../input/read-file.ts";
import { dockerFlags, dockerOf } from "./docker-options.ts";
import { afterOf, concurrencyOf, retryList } from "./manifest-words.ts";

/** The options that describe a job. Each sets a field of the manifest and wins over the file. */
export const manifestOptions = defineOptions({
  name: {
    kind: "value",
    group: "What it runs",
    placeholder: "NAME",
    schema: optionText.optional(),
    help: "A name for people",
  },
  type: {
    kind: "value",
    group: "What it runs",
    placeholder: "TYPE",
    schema: optionText.optional(),
    defaultText: "COMMAND, or DOCKER with --image",
    help: `The kind of job: ${jobTypesInWords}`,
  },
  ...dockerFlags,
  label: {
    kind: "list",
    group: "Where it runs",
    short: "l",
    placeholder: "KEY=VALUE",
    schema: optionPairs("a label").optional(),
    help: "Run only on nodes with this label",
  },
  node: {
    kind: "value",
    group: "Where it runs",
    placeholder: "NAME",
    schema: optionText.min(1).optional(),
    help: "Run only on the node with this name; short for --label node.name=NAME",
  },
  pool: {
    kind: "value",
    group: "Where it runs",
    placeholder: "POOL",
    schema: optionText.optional(),
    defaultText: "default",
    help: "Run only on nodes of this pool",
  },
  selector: {
    kind: "value",
    group: "Where it runs",
    placeholder: "EXPR",
    schema: optionText.optional(),
    help: "Run only on nodes with labels that match this, like gpu.memoryMb>=24000,os in (linux,darwin),!spot",
  },
  cpu: {
    kind: "value",
    group: "Where it runs",
    placeholder: "N",
    schema: optionNumber({ min: 0, unit: "cores" }).optional(),
    help: "Cores that the job takes on its node while it runs",
  },
  memory: {
    kind: "value",
    group: "Where it runs",
    placeholder: "MB",
    schema: optionNumber({ min: 0, integer: true, unit: "megabytes" }).optional(),
    help: "Memory that the job takes on its node while it runs",
  },
  gpus: {
    kind: "value",
    group: "Where it runs",
    placeholder: "N",
    schema: optionNumber({ min: 0, integer: true, unit: "GPUs" }).optional(),
    help: "GPUs that the job takes on its node while it runs",
  },
  timeout: {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SECONDS",
    schema: optionNumber({ min: 0, unit: "seconds" }).optional(),
    defaultText: "no limit",
    help: "End the job after this long",
  },
  grace: {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SECONDS",
    schema: optionNumber({ min: 0, unit: "seconds" }).optional(),
    defaultText: "10",
    help: "Time between SIGTERM and SIGKILL when the job is cancelled or times out",
  },
  "stop-signal": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SIGNAL",
    schema: optionText.optional(),
    defaultText: "TERM",
    help: "Ask the job to end with this signal instead of SIGTERM, like INT, QUIT or RTMIN+3",
  },
  "max-retries": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "N",
    schema: optionNumber({ min: 0, integer: true }).optional(),
    defaultText: "0",
    help: "How often to try again after a failure",
  },
  "max-log": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "MIB",
    schema: optionNumber({ min: 0, unit: "MiB" }).optional(),
    defaultText: "the server's limit",
    help: "Keep at most this much output of each attempt; the rest is dropped",
  },
  "retry-on": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "LIST",
    schema: optionText.optional(),
    help: "Try again only after these exit codes, signals and reasons, like 75,128-159,SIGKILL,NodeLost",
  },
  "not-before": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "TIME",
    schema: optionText.optional(),
    help: "Start no sooner than this: a time like 2026-01-31T12:00:00Z, or a time from now like +90s, +10m, +2h, +1d",
  },
  "queue-ttl": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "SECONDS",
    schema: optionNumber({ min: 0, unit: "seconds" }).optional(),
    help: "End the job as TIMEOUT if no node takes it within this time",
  },
  "start-timeout": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SECONDS",
    schema: optionNumber({ min: 0, unit: "seconds" }).optional(),
    help: "Count an attempt as failed if its node does not start it within this time",
  },
  priority: {
    kind: "value",
    group: "When, and in which order",
    placeholder: "N",
    schema: optionNumber({ integer: true }).optional(),
    defaultText: "0",
    help: "Higher runs first; write a negative number as --priority=-1",
  },
  env: {
    kind: "list",
    group: "What it runs",
    short: "e",
    placeholder: "KEY=VALUE",
    schema: optionPairs("a variable").optional(),
    help: "An environment variable for the command",
  },
  workdir: {
    kind: "value",
    group: "What it runs",
    placeholder: "DIR",
    schema: optionText.optional(),
    defaultText: "a fresh directory of the job's own",
    help: "The directory on the node where the command runs",
  },
  array: {
    kind: "value",
    group: "When, and in which order",
    placeholder: "INDEXES[%N]",
    schema: optionText.optional(),
    help: "One job per index (TANVRIT_ARRAY_INDEX), at most N of them at once, like 1-100%8, 1,3,5 or 0-15:4",
  },
  after: {
    kind: "list",
    group: "When, and in which order",
    placeholder: "ID[:HOW]",
    schema: z.array(optionText).optional(),
    help: "Run when that job has ended, if it ended as HOW: success (the default), failure or any; otherwise skip",
  },
  "concurrency-group": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "GROUP",
    schema: optionText.optional(),
    help: "Limit how many jobs of this group run at once; the others wait in order",
  },
  "concurrency-limit": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).optional(),
    defaultText: "1",
    help: "How many jobs of the group may run at once",
  },
  "cancel-in-progress": flagOption(
    "Cancel the earlier jobs of the group instead of waiting for them",
    "When, and in which order",
  ),
  file: {
    kind: "value",
    group: "What it runs",
    short: "f",
    placeholder: "FILE",
    schema: optionText.optional(),
    help: "Read the job from a YAML or JSON file; - is stdin",
  },
  "idempotency-key": {
    kind: "value",
    group: "What it runs",
    placeholder: "KEY",
    // It travels in a header. An empty key is most likely an unset variable: going on without a key could submit twice.
    schema: optionText
      .regex(/^[!-~]([ -~]{0,253}[!-~])?$/, {
        error: "must be 1 to 255 letters, digits and other ASCII characters",
      })
      .optional(),
    help: "Submitting again with the same key returns the first job",
  },
});

type ManifestValues = OptionValues<typeof manifestOptions>;

/** The first of these options that was given. */
export function firstGiven(
  names: readonly string[],
  options: Readonly<Record<string, unknown>>,
): string | undefined {
  return names.find((name) => options[name] !== undefined && options[name] !== false);
}

/** The job that the options, the file and the words after `--` describe together. */
export async function buildManifest(
  options: ManifestValues,
  argv: readonly string[] | undefined,
): Promise<JobManifestInput> {
  const base: Partial<FileManifest> = options.file === undefined ? {} : await readManifest(options.file);
  const type = options.type ?? (options.image === undefined ? undefined : "DOCKER");
  if (!base.command && !argv?.length && (type ?? base.type ?? "COMMAND") === "COMMAND") {
    throw commandMissing(options.file);
  }
  const docker = dockerOf(options);
  const resources = defined({ cpu: options.cpu, memoryMb: options.memory, gpuCount: options.gpus });
  const given = defined({
    name: options.name,
    type,
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
    labels: labelsOf(options, base.labels),
    env: options.env && { ...base.env, ...options.env },
    resources: Object.keys(resources).length > 0 ? { ...base.resources, ...resources } : undefined,
  });
  const checked = jobManifest.safeParse({ ...base, ...given });
  if (checked.success) return checked.data;
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

function labelsOf(
  { label, node }: { label?: Labels | undefined; node?: string | undefined },
  base: Labels = {},
) {
  if (label === undefined && node === undefined) return undefined;
  return { ...base, ...label, ...(node !== undefined && { [NODE_NAME_LABEL]: node }) };
}

type FileManifest = z.output<typeof jobFields>;

async function readManifest(file: string): Promise<FileManifest> {
  const { parseYaml } = await import("../../shared/config/yaml.ts");
  return parseYaml(await readTextFile(file), fileName(file), jobFields);
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

function flagOf(path: readonly PropertyKey[]): string {
  const [first = "", second = ""] = path.map(String);
  const isGroup = first === "docker" || first === "resources";
  const flag =
    flagOfField[`${first}.${second}`] ??
    (isGroup && second ? `--${second}` : (flagOfField[first] ?? `--${first}`));
  return second && (first === "labels" || first === "env") ? `${flag} ${second}` : flag;
}

function defined<Fields extends object>(fields: Fields): Partial<Fields> {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Partial<Fields>;
}
