import type { JobSelection } from "../../sdk/index.ts";
import { defineOptions, type OptionValues, optionPairs, optionText } from "../../shared/config/options.ts";
import { jobId } from "../../shared/ids.ts";
import { jobStatus } from "../../shared/job-status.ts";
import { sinceOption, statusOption } from "../command/common-options.ts";
import { CliError } from "../exit/failure.ts";

/** The options that choose jobs. A job must match every option that is given. */
export const filterOptions = defineOptions({
  status: statusOption("jobs", jobStatus.options),
  name: {
    kind: "value",
    placeholder: "GLOB",
    schema: () => optionText,
    help: "Only jobs with this name; * matches any characters, ? matches one, \\ makes the next one literal",
  },
  label: {
    kind: "list",
    short: "l",
    placeholder: "KEY=VALUE",
    schema: () => optionPairs("a label"),
    help: "Only jobs that ask for this label",
  },
  since: sinceOption("Only jobs submitted since then"),
  array: {
    kind: "value",
    placeholder: "ID",
    schema: () => jobId,
    help: "Only the jobs of this array, in the order of its indexes",
  },
});

/** The jobs of a command that also takes a filter. */
export const jobsOrFilter = {
  name: "JOB",
  repeat: true,
  optional: true,
  help: "ids or names of jobs, unless a filter chooses them",
} as const;

type FilterValues = OptionValues<typeof filterOptions>;

export function selectionOf({ status, name, label, since, array }: FilterValues): JobSelection {
  return { status, name, labels: label, since, arrayId: array };
}

/**
 * The filter of a command that also takes ids; undefined if ids were given. To change every job takes `--all`, since an
 * unset shell variable must not mean all jobs.
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
        "job ids cannot be combined with --all, --status, --name, --label, --since or --array",
      );
    }
    return undefined;
  }
  if (hasFilter || options.all) return selection;
  throw new CliError("usage", "no job was named", {
    todo: "Give job ids, or choose by --status, --name, --label, --since or --array; --all means every job",
  });
}
