import { defineOptions, flagOption, optionText } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { durationMs } from "../../shared/duration.ts";
import { pruneAnswer } from "../../shared/sockets/maintenance.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import { maintain, storeOptions, storeSettings } from "./store-owner.ts";

/** `30d` in milliseconds. */
const age = optionText
  .refine((text) => durationMs(text) !== undefined, { error: "must be an age like 90d, 12h or 2w" })
  .transform((text) => durationMs(text) ?? 0)
  .optional();

export const command = defineCommand({
  options: defineOptions({
    "jobs-older-than": {
      kind: "value",
      placeholder: "AGE",
      schema: age,
      help: "Delete jobs that ended longer ago than this, with their executions and logs: 30d, 12h, …",
    },
    "logs-older-than": {
      kind: "value",
      placeholder: "AGE",
      schema: age,
      help: "Remove the logs of jobs that ended longer ago than this; the jobs stay",
    },
    "artifacts-older-than": {
      kind: "value",
      placeholder: "AGE",
      schema: age,
      help: "Remove artifacts made longer ago than this that no unfinished job, schedule or template needs",
    },
    "dry-run": flagOption("Only show how many there are"),
    ...storeOptions,
    ...jsonOption,
  }),
  examples: [
    { line: "server prune --logs-older-than 7d", does: "Free space; jobs and their results stay" },
    { line: "server prune --jobs-older-than 90d --dry-run", does: "Show how many jobs would go" },
  ],
  details: `Works whether the server is running or stopped. This cannot be undone. Jobs that waiting jobs come after are kept.
The content of artifacts goes when the server next cleans up, a day after it was last used at the earliest. Space goes back to the disk if the store was made by a version that can give it back; in other stores new rows use it.`,
  async run({ options, env, output }) {
    const jobsOlderThanMs = options["jobs-older-than"];
    const logsOlderThanMs = options["logs-older-than"];
    const artifactsOlderThanMs = options["artifacts-older-than"];
    const ages = { jobsOlderThanMs, logsOlderThanMs, artifactsOlderThanMs };
    if (Object.values(ages).every((one) => one === undefined)) {
      throw new CliError("usage", "nothing to prune was given", {
        todo: "Give --jobs-older-than, --logs-older-than or --artifacts-older-than, like 90d",
      });
    }
    const settings = storeSettings(options, env);
    const dryRun = options["dry-run"];
    const request = { maintain: "prune" as const, ...ages, dryRun };
    const sum = { jobs: 0, logs: 0, artifacts: 0 };
    for (let more = true; more; ) {
      const answer = await maintain(settings, request, pruneAnswer);
      sum.jobs += answer.jobs;
      sum.logs += answer.logs;
      sum.artifacts += answer.artifacts;
      more = answer.more;
    }
    if (options.json) await output.json({ ...sum, dryRun });
    else {
      const done = dryRun ? "would be removed" : "removed";
      await output.result(
        `${counted(sum.jobs, "job")}, ${counted(sum.logs, "log")} and ${counted(sum.artifacts, "artifact")} ${done}`,
      );
    }
    return exitCodes.ok;
  },
});
