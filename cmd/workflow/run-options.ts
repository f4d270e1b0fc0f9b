import { defineOptions, flagOption, type OptionValues, optionText } from "../../shared/config/options.ts";
import { manifestOptions } from "../job/manifest-options.ts";

/** Where a run happens, and as what job. */
export const placeOptions = defineOptions({
  name: {
    kind: "value",
    group: "What it runs",
    placeholder: "NAME",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    defaultText: "the name of the workflow",
    help: "A name for the job",
  },
  here: flagOption("Run it in this process, without server and agent", "Where it runs"),
  label: manifestOptions.label,
  node: {
    kind: "value",
    group: "Where it runs",
    placeholder: "NAME",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    help: "Run only on the node with this name",
  },
  pool: manifestOptions.pool,
  cpu: { ...manifestOptions.cpu, help: "Cores that the run takes on its node" },
  memory: { ...manifestOptions.memory, help: "Memory that the run takes on its node" },
  gpus: { ...manifestOptions.gpus, help: "GPUs that the run takes on its node" },
  timeout: {
    ...manifestOptions.timeout,
    defaultText: "no limit but those of the workflow",
    help: "End the run after this long",
  },
  priority: manifestOptions.priority,
  download: {
    kind: "value",
    group: "Files and secrets",
    placeholder: "DIR",
    schema: () => optionText.min(1, { error: "must not be empty" }),
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
