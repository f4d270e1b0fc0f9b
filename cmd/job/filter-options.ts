import { z } from "zod";
import type { JobSelection } from "../../sdk/index.ts";
import { defineOptions, type OptionValues, optionPairs, optionText } from "../../shared/config/options.ts";
import { durationMs } from "../../shared/duration.ts";
import { jobId } from "../../shared/ids.ts";
import { jobStatus } from "../../shared/job-state.ts";
import { CliError } from "../failure.ts";
import { statusOption } from "../listing.ts";

/** A day, which is one of UTC, or a time that says its zone: another would mean something else on every machine. */
const DATE_OR_TIME = /^\d{4}-\d{2}-\d{2}([T ].*(Z|[+-]\d{2}:?\d{2}))?$/i;

/** A time, or how long ago. */
const since = optionText.transform((text, context) => {
  const agoMs = durationMs(text);
  const time = DATE_OR_TIME.test(text) ? text : Number.NaN;
  const date = new Date(agoMs === undefined ? time : Date.now() - agoMs);
  if (!Number.isNaN(date.getTime())) return date.toISOString();
  context.addIssue({
    code: "custom",
    message:
      "must be a time with its zone, like 2026-01-31T12:00:00Z, or how long ago, as 90s, 30m, 2h, 7d or 1w",
  });
  return z.NEVER;
});

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
  since: {
    kind: "value",
    placeholder: "TIME",
    schema: since.optional(),
    help: "Only jobs submitted since then: a time like 2026-01-31T12:00:00Z, or how long ago like 30m, 2h, 7d",
  },
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
