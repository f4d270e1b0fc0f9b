import { z } from "zod";
import {
  defineOptions,
  flagOption,
  type OptionValues,
  optionNumber,
  optionPairs,
  optionText,
} from "../../shared/config/options.ts";
import { jobTypesInWords } from "../../shared/job-fields.ts";
import { jobFileOptions } from "../files/file-options.ts";
import { workflowFlags } from "../workflow/draft/workflow-flags.ts";
import { dockerFlags } from "./docker-options.ts";

/** The options that describe a job. Each sets a field of the manifest and wins over the file. */
export const manifestOptions = defineOptions({
  name: {
    kind: "value",
    group: "What it runs",
    placeholder: "NAME",
    schema: () => optionText,
    help: "A name for people",
  },
  type: {
    kind: "value",
    group: "What it runs",
    placeholder: "TYPE",
    schema: () => optionText,
    defaultText: "COMMAND, DOCKER with --image, GITHUB_ACTION with --workflow",
    help: `The kind of job: ${jobTypesInWords}`,
  },
  ...dockerFlags,
  ...workflowFlags,
  ...jobFileOptions,
  label: {
    kind: "list",
    group: "Where it runs",
    short: "l",
    placeholder: "KEY=VALUE",
    schema: () => optionPairs("a label"),
    help: "Run only on nodes with this label",
  },
  node: {
    kind: "value",
    group: "Where it runs",
    placeholder: "NAME",
    schema: () => optionText.min(1),
    help: "Run only on the node with this name; short for --label node.name=NAME",
  },
  pool: {
    kind: "value",
    group: "Where it runs",
    placeholder: "POOL",
    schema: () => optionText,
    defaultText: "default",
    help: "Run only on nodes of this pool",
  },
  selector: {
    kind: "value",
    group: "Where it runs",
    placeholder: "EXPR",
    schema: () => optionText,
    help: "Run only on nodes with labels that match this, like gpu.memoryMb>=24000,os in (linux,darwin),!spot",
  },
  cpu: {
    kind: "value",
    group: "Where it runs",
    placeholder: "N",
    schema: () => optionNumber({ min: 0, unit: "cores" }),
    help: "Cores that the job takes on its node while it runs",
  },
  memory: {
    kind: "value",
    group: "Where it runs",
    placeholder: "MB",
    schema: () => optionNumber({ min: 0, integer: true, unit: "megabytes" }),
    help: "Memory that the job takes on its node while it runs",
  },
  gpus: {
    kind: "value",
    group: "Where it runs",
    placeholder: "N",
    schema: () => optionNumber({ min: 0, integer: true, unit: "GPUs" }),
    help: "GPUs that the job takes on its node while it runs",
  },
  timeout: {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SECONDS",
    schema: () => optionNumber({ min: 0, unit: "seconds" }),
    defaultText: "no limit",
    help: "End the job after this long",
  },
  grace: {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SECONDS",
    schema: () => optionNumber({ min: 0, unit: "seconds" }),
    defaultText: "10",
    help: "Time between SIGTERM and SIGKILL when the job is cancelled or times out",
  },
  "stop-signal": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SIGNAL",
    schema: () => optionText,
    defaultText: "TERM",
    help: "Ask the job to end with this signal instead of SIGTERM, like INT, QUIT or RTMIN+3",
  },
  "max-retries": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "N",
    schema: () => optionNumber({ min: 0, integer: true }),
    defaultText: "0",
    help: "How often to try again after a failure",
  },
  "max-log": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "MIB",
    schema: () => optionNumber({ min: 0, unit: "MiB" }),
    defaultText: "the server's limit",
    help: "Keep at most this much output of each attempt; the rest is dropped",
  },
  "retry-on": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "LIST",
    schema: () => optionText,
    help: "Try again only after these exit codes, signals and reasons, like 75,128-159,SIGKILL,NodeLost",
  },
  "not-before": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "TIME",
    schema: () => optionText,
    help: "Start no sooner than this: a time like 2026-01-31T12:00:00Z, or a time from now like +90s, +10m, +2h, +1d",
  },
  "queue-ttl": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "SECONDS",
    schema: () => optionNumber({ min: 0, unit: "seconds" }),
    help: "End the job as TIMEOUT if no node takes it within this time",
  },
  "start-timeout": {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SECONDS",
    schema: () => optionNumber({ min: 0, unit: "seconds" }),
    help: "Count an attempt as failed if its node does not start it within this time",
  },
  priority: {
    kind: "value",
    group: "When, and in which order",
    placeholder: "N",
    schema: () => optionNumber({ integer: true }),
    defaultText: "0",
    help: "Higher runs first; write a negative number as --priority=-1",
  },
  env: {
    kind: "list",
    group: "What it runs",
    short: "e",
    placeholder: "KEY=VALUE",
    schema: () => optionPairs("a variable"),
    help: "An environment variable for the command",
  },
  workdir: {
    kind: "value",
    group: "What it runs",
    placeholder: "DIR",
    schema: () => optionText,
    defaultText: "a fresh directory of the job's own",
    help: "The directory on the node where the command runs",
  },
  array: {
    kind: "value",
    group: "When, and in which order",
    placeholder: "INDEXES[%N]",
    schema: () => optionText,
    help: "One job per index (TANVRIT_ARRAY_INDEX), at most N of them at once, like 1-100%8, 1,3,5 or 0-15:4",
  },
  after: {
    kind: "list",
    group: "When, and in which order",
    placeholder: "ID[:HOW]",
    schema: () => z.array(optionText),
    help: "Run when that job has ended, if it ended as HOW: success (the default), failure or any; otherwise skip",
  },
  "concurrency-group": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "GROUP",
    schema: () => optionText,
    help: "Limit how many jobs of this group run at once; the others wait in order",
  },
  "concurrency-limit": {
    kind: "value",
    group: "When, and in which order",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, integer: true }),
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
    schema: () => optionText,
    help: "Read the job from a YAML or JSON file; - is stdin",
  },
  "idempotency-key": {
    kind: "value",
    group: "What it runs",
    placeholder: "KEY",
    // It travels in a header. An empty key is most likely an unset variable: going on without a key could submit twice.
    schema: () =>
      optionText.regex(/^[!-~]([ -~]{0,253}[!-~])?$/, {
        error: "must be 1 to 255 letters, digits and other ASCII characters",
      }),
    help: "Submitting again with the same key returns the first job",
  },
});

export type ManifestValues = OptionValues<typeof manifestOptions>;

/** The first of these options that was given. */
export function firstGiven(
  names: readonly string[],
  options: Readonly<Record<string, unknown>>,
): string | undefined {
  return names.find((name) => options[name] !== undefined && options[name] !== false);
}
