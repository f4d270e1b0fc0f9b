import { defineOptions, optionText } from "../../../shared/config/options.ts";
import { requestOptions } from "./request-options.ts";

const group = "Workflows";

/** The options of a job that runs a workflow. Besides, its `--input`, `--env` and `--secret-env` are those of the workflow. */
export const workflowFlags = defineOptions({
  workflow: {
    kind: "value",
    group,
    placeholder: "PATH",
    schema: () => optionText.min(1, { error: "must not be empty" }),
    help: "Run this GitHub Actions workflow; --input KEY=VALUE, --env and --secret-env are for it then",
  },
  event: { ...requestOptions.event, group },
  "event-file": { ...requestOptions["event-file"], group },
  // In a list of options for all kinds of jobs, one letter must not mean one of them.
  job: { ...requestOptions.job, group, short: undefined },
  matrix: { ...requestOptions.matrix, group },
  var: { ...requestOptions.var, group },
  secret: { ...requestOptions.secret, group, short: undefined },
  repo: { ...requestOptions.repo, group },
  "action-store": { ...requestOptions["action-store"], group },
  actor: { ...requestOptions.actor, group },
  repository: { ...requestOptions.repository, group },
  "keep-on-failure": { ...requestOptions["keep-on-failure"], group },
});
