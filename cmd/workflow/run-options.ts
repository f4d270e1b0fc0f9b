import {
  defineOptions,
  flagOption,
  type OptionValues,
  optionNumber,
  optionPairs,
  optionText,
} from "../../shared/config/options.ts";

/** Where a run happens, and as what job. */
export const placeOptions = defineOptions({
  name: {
    kind: "value",
    group: "What it runs",
    placeholder: "NAME",
    schema: optionText.min(1, { error: "must not be empty" }).optional(),
    defaultText: "the name of the workflow",
    help: "A name for the job",
  },
  here: flagOption("Run it in this process, without server and agent", "Where it runs"),
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
    schema: optionText.min(1, { error: "must not be empty" }).optional(),
    help: "Run only on the node with this name",
  },
  pool: {
    kind: "value",
    group: "Where it runs",
    placeholder: "POOL",
    schema: optionText.optional(),
    defaultText: "default",
    help: "Run only on nodes of this pool",
  },
  cpu: {
    kind: "value",
    group: "Where it runs",
    placeholder: "N",
    schema: optionNumber({ min: 0, unit: "cores" }).optional(),
    help: "Cores that the run takes on its node",
  },
  memory: {
    kind: "value",
    group: "Where it runs",
    placeholder: "MB",
    schema: optionNumber({ min: 0, integer: true, unit: "megabytes" }).optional(),
    help: "Memory that the run takes on its node",
  },
  gpus: {
    kind: "value",
    group: "Where it runs",
    placeholder: "N",
    schema: optionNumber({ min: 0, integer: true, unit: "GPUs" }).optional(),
    help: "GPUs that the run takes on its node",
  },
  timeout: {
    kind: "value",
    group: "Limits and retries",
    placeholder: "SECONDS",
    schema: optionNumber({ min: 0, unit: "seconds" }).optional(),
    defaultText: "no limit but those of the workflow",
    help: "End the run after this long",
  },
  priority: {
    kind: "value",
    group: "When, and in which order",
    placeholder: "N",
    schema: optionNumber({ integer: true }).optional(),
    defaultText: "0",
    help: "Higher runs first; write a negative number as --priority=-1",
  },
  download: {
    kind: "value",
    group: "Files and secrets",
    placeholder: "DIR",
    schema: optionText.min(1, { error: "must not be empty" }).optional(),
    help: "Put the artifacts of the run into this directory, below artifacts, however it ended",
  },
  detach: flagOption("Print the job's id and do not wait for its end", "Output and waiting"),
  quiet: { ...flagOption("Show only how it ended", "Output and waiting"), short: "q" },
  "shell-on-failure": flagOption(
    "Open a shell where the first step fails, with its environment; only with --here, on a terminal",
    "Output and waiting",
  ),
});

export type PlaceValues = OptionValues<typeof placeOptions>;
