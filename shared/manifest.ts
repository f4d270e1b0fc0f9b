import { z } from "zod";
import { arrayIndexes, readArrayIndexes } from "./array-indexes.ts";
import { dockerOptions, imageReference } from "./docker.ts";
import { jobId } from "./ids.ts";
import { labels, noNul, recordOf, scalar } from "./labels.ts";
import { limits } from "./limits.ts";
import { retryRule } from "./retry-rule.ts";
import { selector } from "./selector.ts";
import { startTime } from "./start-time.ts";
import { stopSignal } from "./stop-signal.ts";

/** Every type of job there is an executor for: `COMMAND` runs on the node itself, `DOCKER` in a container. */
const jobTypes = ["COMMAND", "DOCKER"] as const;
/** In words, as in "must be …". */
export const jobTypesInWords = jobTypes.join(" or ");
export const jobType = z.enum(jobTypes, {
  error: ({ input }) =>
    input === "GITHUB_ACTION"
      ? `must be ${jobTypesInWords}: jobs of type GITHUB_ACTION cannot be run yet`
      : `must be ${jobTypesInWords}`,
});
export type JobType = z.infer<typeof jobType>;

/**
 * Whatever an environment can hold, as `discovery.type`. A shell has no word for names that are not letters, digits
 * and `_`; other programs read them.
 */
const variableName = z.string().regex(/^[ -<>-~\u00a0-\uffff]+$/, {
  error: "a variable name must not be empty, and must not contain = or a control character",
});

const shellCommand = noNul("the command").min(1, { error: "the command must not be empty" });
const argv = z
  .array(noNul("an argument"))
  .min(1, { error: "the command must not be empty" })
  .max(limits.maxCommandArguments)
  .refine((args) => args[0] !== "", { error: "the program to run must not be empty" });

/** A text runs by `sh -c`; a list is the argument vector as it is. */
const command = z
  .union([shellCommand, argv], {
    error: "must be a text (run by sh -c) or a list of texts (the argument vector)",
  })
  .refine((value) => JSON.stringify(value).length <= limits.maxCommandBytes, {
    error: `at most ${limits.maxCommandBytes} bytes`,
  });

/** Nodes are grouped in pools; a job runs only on nodes of its own. */
export const pool = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/, {
    error: "a pool is 1 to 63 letters, digits and . _ -, beginning with a letter or digit",
  })
  .default("default");

/** What a job takes of a node while it runs. 0 asks for nothing in particular. */
export const resources = z.strictObject({
  /** Cores; may be a fraction. */
  cpu: z.number().min(0).max(4_096).default(0),
  memoryMb: z
    .int()
    .min(0)
    .max(64 * 1024 * 1024)
    .default(0),
  gpuCount: z.int().min(0).max(64).default(0),
});
export type Resources = z.infer<typeof resources>;

const after = z.strictObject({
  jobId,
  /** How it must have ended. `failure` is any end but success. */
  on: z.enum(["success", "failure", "any"]).default("success"),
});

const concurrency = z.strictObject({
  group: z.string().min(1).max(200),
  limit: z.int().min(1).max(10_000).default(1),
  /** Cancels the earlier jobs of the group instead of waiting for them. */
  cancelInProgress: z.boolean().default(false),
});

const seconds = z.number().positive().max(31_536_000);

/** The manifest's fields, before what they must be together is checked. */
export const jobFields = z.strictObject({
  name: z.string().min(1).max(200).optional(),
  type: jobType.default("COMMAND"),
  /** Required but of a DOCKER job, which runs what its image is made for where there is none. */
  command: command.optional(),
  /** Of a DOCKER job: the image whose container the command runs in. */
  image: imageReference.optional(),
  /** Of a DOCKER job: how its container is made. */
  docker: dockerOptions.optional(),
  /** Only nodes whose labels are these. */
  labels: labels.default({}),
  /** Only nodes whose labels meet this; see `parseSelector`. */
  selector: selector.optional(),
  resources: resources.prefault({}),
  pool,
  /** Seconds the command may run; absent: as long as it takes. */
  timeoutSeconds: seconds.optional(),
  /** Seconds between SIGTERM and SIGKILL when the job is cancelled or times out. */
  graceSeconds: z.number().min(0).max(3_600).default(10),
  /** What the job gets instead of SIGTERM when it is cancelled or times out: `SIGINT`, `SIGRTMIN+3`. */
  stopSignal: stopSignal.optional(),
  maxRetries: z.int().min(0).max(100).default(0),
  /** MiB of output that are kept of each attempt; the rest is dropped. Absent, or more than the server keeps: that. */
  maxLogMb: z.number().positive().max(limits.maxLogMb).optional(),
  /**
   * Only these ends are tried again: exit codes (128 + n after signal n), ranges of them, signals, reasons. Absent:
   * what the table of reasons allows.
   */
  retryOn: z.array(retryRule).min(1).max(100).optional(),
  /** Not handed out before this time, or `+10m` from when it is submitted. */
  notBefore: startTime.optional(),
  /** Seconds the job may wait to be assigned, counted from when it may be; then it ends as TIMEOUT. */
  queueTtlSeconds: seconds.optional(),
  /** Seconds a node may take from being assigned the job to starting its command; then the attempt has failed. */
  startTimeoutSeconds: seconds.optional(),
  /** Runs only when these jobs are over, and as they must have ended; else it is skipped. */
  after: z.array(after).min(1).max(limits.maxAfter).optional(),
  /** Of the jobs of a group only so many are under way at once; the others wait in the order they were submitted. */
  concurrency: concurrency.optional(),
  /** `1-100%8`, `1,3,5`, `0-15:4`: a job for each index (TANVRIT_ARRAY_INDEX), at most 8 of them at once. */
  array: arrayIndexes.optional(),
  /** Higher runs first. */
  priority: z.int().min(-1_000).max(1_000).default(0),
  env: recordOf(variableName, scalar("the value of a variable"))
    .refine((map) => Object.keys(map).length <= limits.maxEnvVariables, {
      error: `at most ${limits.maxEnvVariables} variables`,
    })
    .refine((map) => JSON.stringify(map).length <= limits.maxEnvBytes, {
      error: `at most ${limits.maxEnvBytes} bytes`,
    })
    .default({}),
  /** Where the command runs; relative to the job's own fresh directory, which is the default. */
  workdir: noNul("workdir").min(1).max(4_096).optional(),
});

/**
 * The job manifest: the body of `jobs/submit` and the content of `job submit --file`. Only `command` is required, or
 * the `image` of a DOCKER job. Unknown fields are refused, so that a typing error is found before the job runs without
 * what it meant.
 */
export const jobManifest = jobFields.superRefine((job, context) => {
  const wrong = (path: string, message: string) =>
    context.addIssue({ code: "custom", path: [path], message });
  if (job.array !== undefined) {
    const read = readArrayIndexes(job.array);
    const bytes = "problem" in read ? 0 : JSON.stringify(job).length * read.indexes.length;
    if (bytes > limits.maxArrayBytes) {
      wrong("array", `its jobs come to ${bytes} bytes together; at most ${limits.maxArrayBytes}`);
    }
  }
  if (job.type === "DOCKER") {
    if (job.image === undefined) wrong("image", "is missing: a DOCKER job needs the image of its container");
    return;
  }
  if (job.command === undefined) wrong("command", "is missing");
  for (const field of ["image", "docker"] as const) {
    if (job[field] !== undefined)
      wrong(field, `is only for jobs of type DOCKER, and this one is ${job.type}`);
  }
});
/** With every default filled in. */
export type JobManifest = z.infer<typeof jobManifest>;
/** As a person writes it. */
export type JobManifestInput = z.input<typeof jobManifest>;
