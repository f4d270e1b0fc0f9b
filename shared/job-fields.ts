import { z } from "zod";
import { arrayIndexes } from "./array-indexes.ts";
import { dockerOptions, imageReference } from "./docker.ts";
import { idSchema } from "./id-schema.ts";
import { jobInput, MAX_JOB_FILES, outputGlob, secretFiles, secretName } from "./job-files.ts";
import { labels, noNul, recordOf, scalar } from "./labels.ts";
import { limits } from "./limits.ts";
import { once } from "./once.ts";
import { retryRule } from "./retry-rule.ts";
import { selector } from "./selector.ts";
import { startTime } from "./start-time.ts";
import { stopSignal } from "./stop-signal.ts";
import { workflowRequest } from "./workflow-request.ts";

/**
 * The job types with an executor: `COMMAND` runs on the node itself, `DOCKER` in a container, and `GITHUB_ACTION` is a
 * GitHub Actions workflow.
 */
const jobTypes = ["COMMAND", "DOCKER", "GITHUB_ACTION"] as const;
/** For messages: "must be …". */
export const jobTypesInWords = `${jobTypes.slice(0, -1).join(", ")} or ${jobTypes.at(-1)}`;
export const jobType = z.enum(jobTypes, { error: `must be ${jobTypesInWords}` });
export type JobType = z.infer<typeof jobType>;

/**
 * Any name an environment can hold, such as `discovery.type`. Shells only read names of letters, digits and `_`; other
 * programs read the rest.
 */
const variableName = () =>
  z.string().regex(/^[ -<>-~\u00a0-\uffff]+$/, {
    error: "a variable name must not be empty, and must not contain = or a control character",
  });

const shellCommand = () => noNul("the command").min(1, { error: "the command must not be empty" });
const argv = () =>
  z
    .array(noNul("an argument"))
    .min(1, { error: "the command must not be empty" })
    .max(limits.maxCommandArguments)
    .refine((args) => args[0] !== "", { error: "the program to run must not be empty" });

/** A string is run by `sh -c`; a list is the argument vector. */
const command = () =>
  z
    .union([shellCommand(), argv()], {
      error: "must be a string (run by sh -c) or a list of strings (the argument vector)",
    })
    .refine((value) => JSON.stringify(value).length <= limits.maxCommandBytes, {
      error: `at most ${limits.maxCommandBytes} bytes`,
    });

/** Nodes are grouped in pools; a job runs only on nodes of its own pool. */
export const pool = once(() =>
  z
    .string()
    .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
      error: "a pool is 1 to 63 letters, digits and . _ -, beginning with a letter or digit",
    })
    .default("default"),
);

/** Node capacity a job uses while it runs. 0 means no requirement. */
export const resources = once(() =>
  z.strictObject({
    /** Cores; fractions are allowed. */
    cpu: z.number().min(0).max(4_096).default(0),
    memoryMb: z
      .int()
      .min(0)
      .max(64 * 1024 * 1024)
      .default(0),
    gpuCount: z.int().min(0).max(64).default(0),
  }),
);
export type Resources = z.infer<ReturnType<typeof resources>>;

const after = () =>
  z.strictObject({
    jobId: idSchema("job"),
    /** How that job must have ended. `failure` means any end except success. */
    on: z.enum(["success", "failure", "any"]).default("success"),
  });

const concurrency = () =>
  z.strictObject({
    group: z.string().min(1).max(200),
    limit: z.int().min(1).max(10_000).default(1),
    /** Cancels the earlier jobs of the group instead of waiting for them. */
    cancelInProgress: z.boolean().default(false),
  });

const seconds = () => z.number().positive().max(31_536_000);

export const GRACE_SECONDS = 10;
/** Long enough for the steps of a cancelled workflow that always run. */
export const WORKFLOW_GRACE_SECONDS = 300;
/** No grace was given: it depends on the type, which the field itself does not know. No input has this value. */
export const GRACE_OF_TYPE = -1;

/**
 * What makes the schema of each field of a manifest. Functions, because a
 * command that submits one job would spend most of its time on making schemas of fields that the job does not have.
 */
const fields = {
  name: () => z.string().min(1).max(200).optional(),
  type: () => jobType.default("COMMAND"),
  /** Required, except for DOCKER jobs, which default to the image's command, and GITHUB_ACTION jobs, which have none. */
  command: () => command().optional(),
  /** Only for DOCKER jobs: the image of the container. */
  image: () => imageReference().optional(),
  /** Only for DOCKER jobs: how the container is created. */
  docker: () => dockerOptions().optional(),
  /** Only for GITHUB_ACTION jobs: the workflow, and the event that it runs for. */
  workflow: () => workflowRequest().optional(),
  /** Only nodes with all these labels. */
  labels: () => labels().default({}),
  /** Only nodes whose labels match this selector; see `parseSelector`. */
  selector: () => selector().optional(),
  resources: () => resources().prefault({}),
  pool,
  /** Seconds the command may run; absent: no limit. */
  timeoutSeconds: () => seconds().optional(),
  /** Seconds between SIGTERM and SIGKILL when the job is cancelled or times out; for GITHUB_ACTION jobs 300 by default. */
  graceSeconds: () => z.number().min(0).max(3_600).default(GRACE_OF_TYPE).meta({ default: GRACE_SECONDS }),
  /** Sent instead of SIGTERM when the job is cancelled or times out: `SIGINT`, `SIGRTMIN+3`. */
  stopSignal: () => stopSignal().optional(),
  maxRetries: () => z.int().min(0).max(100).default(0),
  /** MiB of output kept per attempt; the rest is dropped. The server's own limit applies if this is absent or higher. */
  maxLogMb: () => z.number().positive().max(limits.maxLogMb).optional(),
  /**
   * Retry only after these ends: exit codes (128 + n after signal n), ranges of them, signals, reasons. Absent: the ends
   * the table of reasons allows.
   */
  retryOn: () => z.array(retryRule()).min(1).max(100).optional(),
  /** Not assigned before this time; `+10m` counts from the submit. */
  notBefore: () => startTime().optional(),
  /** Seconds the job may wait to be assigned, from the moment it is ready; then it ends as TIMEOUT. */
  queueTtlSeconds: () => seconds().optional(),
  /** Seconds a node may take from the assignment to the start of the command; then the attempt fails. */
  startTimeoutSeconds: () => seconds().optional(),
  /** Runs only after these jobs have ended as `on` requires; otherwise it is skipped. */
  after: () => z.array(after()).min(1).max(limits.maxAfter).optional(),
  /** Limits how many jobs of a group run at once; the others wait in the order of their submits. */
  concurrency: () => concurrency().optional(),
  /** `1-100%8`, `1,3,5`, `0-15:4`: one job per index (TANVRIT_ARRAY_INDEX); `%8` runs at most 8 at once. */
  array: () => arrayIndexes().optional(),
  /** Higher runs first. */
  priority: () => z.int().min(-1_000).max(1_000).default(0),
  env: () =>
    recordOf(variableName(), scalar("the value of a variable"))
      .refine((map) => Object.keys(map).length <= limits.maxEnvVariables, {
        error: `at most ${limits.maxEnvVariables} variables`,
      })
      .refine((map) => JSON.stringify(map).length <= limits.maxEnvBytes, {
        error: `at most ${limits.maxEnvBytes} bytes`,
      })
      .default({}),
  /** The working directory; relative to the job's own fresh directory, which is the default. */
  workdir: () => noNul("workdir").min(1).max(4_096).optional(),
  /** Files to put into the job's directory before it starts. */
  inputs: () => z.array(jobInput()).min(1).max(MAX_JOB_FILES).optional(),
  /** Files to collect after the job, however it ended: globs below the directory in which it starts. */
  outputs: () => z.array(outputGlob()).min(1).max(MAX_JOB_FILES).optional(),
  /** Variables that hold secrets: the variable and the name of the secret. */
  secretEnv: () =>
    recordOf(variableName(), secretName())
      .refine((map) => Object.keys(map).length <= MAX_JOB_FILES, {
        error: `at most ${MAX_JOB_FILES} secrets`,
      })
      .optional(),
  /** Files that hold secrets while the job runs: the path below the job's directory and the name of the secret. */
  secretFiles: () =>
    secretFiles()
      .refine((map) => Object.keys(map).length <= MAX_JOB_FILES, {
        error: `at most ${MAX_JOB_FILES} secrets`,
      })
      .optional(),
  /** The results of these jobs become variables of this job, which waits for them; a later job's win, `env` wins over all. */
  envFrom: () => z.array(idSchema("job")).min(1).max(MAX_JOB_FILES).optional(),
};

type Makers = typeof fields;
type Name = keyof Makers;
type Made<Each extends Record<string, () => z.ZodType>> = { [Field in keyof Each]: ReturnType<Each[Field]> };
export type FieldsSchema = z.ZodObject<Made<Makers>, z.core.$strict>;

const names = Object.keys(fields) as Name[];

/** The fields of a manifest, without the rules that span several. */
export function allFields(): FieldsSchema {
  return fieldsNamed(names);
}

/** The type of a job, and other fields of a manifest, without the defaults of those that are absent. */
export type GivenFields = Pick<z.output<FieldsSchema>, "type"> & Partial<z.output<FieldsSchema>>;

/**
 * The same for the fields of this value alone, and its type: it judges the value in the same way and is made sooner. The
 * server, which has all fields, fills in the defaults of the others.
 */
export function fieldsFor(value: object): z.ZodType<GivenFields> {
  return fieldsNamed(names.filter((name) => name in value || name === "type"));
}

function fieldsNamed(some: readonly Name[]): FieldsSchema {
  return z.strictObject(Object.fromEntries(some.map((name) => [name, fields[name]()])) as Made<Makers>);
}
