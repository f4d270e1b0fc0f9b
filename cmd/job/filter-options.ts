import type { JobSelection } from "../../sdk/index.ts";
import { defineOptions, type OptionValues, optionPairs, optionText } from "../../shared/config/options.ts";
import { jobId } from "../../shared/ids.ts";
import { jobStatus } from "../../shared/job-state.ts";
import { sinceOption, statusOption } from "../command/common-options.ts";
import { CliError } from "../exit/failure.ts";

/** The options that choose jobs; a job must meet all that are given. */
export const filterOptions = defineOptions({
  status: statusOption("jobs", jobStatus.options),
  name: {
    kind: "value",
    placeholder: "GLOB",
    schema: optionText.optional(),
    help: "Only jobs of this name; * stands for any characters, ? for one, \\ takes the next as it is",
  },
  label: {
    kind: "list",
    short: "l",
    placeholder: "KEY=VALUE",
    schema: optionPairs("a label").optional(),
    help: "Only jobs that ask for this label",
  },
  since: sinceOption("Only jobs submitted since then"),
  array: {
    kind: "value",
    placeholder: "ID",
    schema: jobId.optional(),
    help: "Only the jobs of this array, in the order of its indexes",
  },
});

/** The jobs of a command that also takes a filter. */
export const jobsOrFilter = {
  name: "JOB",
  repeat: true,
  optional: true,
  help: "the ids or names of jobs, where no filter chooses them",
} as const;

type FilterValues = OptionValues<typeof filterOptions>;

export function selectionOf({ status, name, label, since, array }: FilterValues): JobSelection {
  return { status, name, labels: label, since, arrayId: array };
}

/**
 * The filter of a command that also takes ids: undefined where ids were given. What would change every job needs
 * `--all`, since a variable that was not set must not mean all of them.
 */
export function selectionOrIds(
  jobIds: readonly string[],
  options: FilterValues & { all: boolean },
): JobSelection | undefined {
  const selection = selectionOf(options);
  const hasFilter = Object.values(selection).some((value) => value !== undefined);
  if (jobIds.length > 0) {
    if (hasFilter || options.all) {
      throw new CliError(
        "usage",
        "ids of jobs exclude --all, --status, --name, --label, --since and --array",
      );
    }
    return undefined;
  }
  if (hasFilter || options.all) return selection;
  throw new CliError("usage", "no job was named", {
    todo: "Give ids of jobs, or choose by --status, --name, --label, --since or --array; --all means every job",
  });
}
