import { labelPairs } from "../shared/config/label-option.ts";
import { defineOptions, optionNumber, optionText } from "../shared/config/options.ts";
import { pool } from "../shared/job-fields.ts";
import { connectionMode } from "./profile/agent-file.ts";

/** The options of `agent run`. Their `fileKey`s are fields of agent.yaml. */
export const agentOptions = defineOptions({
  name: {
    kind: "value",
    placeholder: "NAME",
    env: "TANVRIT_AGENT_NAME",
    fileKey: "name",
    schema: () => optionText.min(1, { error: "must not be empty" }).max(200),
    defaultText: "the host's name",
    help: "The node's name",
  },
  config: {
    kind: "value",
    placeholder: "FILE",
    env: "TANVRIT_AGENT_CONFIG",
    schema: () => optionText.min(1),
    defaultText: "agent.yaml in TANVRIT_HOME",
    help: "The file with this machine's limits and labels",
  },
  label: {
    kind: "list",
    placeholder: "KEY=VALUE",
    // Labels of agent.yaml are not a default for these: both count, and these win.
    schema: labelPairs,
    help: "A label of the node, for jobs to select it by",
  },
  pool: {
    kind: "value",
    placeholder: "POOL",
    env: "TANVRIT_AGENT_POOL",
    fileKey: "pool",
    schema: pool(),
    defaultText: "default",
    help: "The pool of the node; it gets only jobs of that pool",
  },
  connection: {
    kind: "value",
    placeholder: "HOW",
    env: "TANVRIT_AGENT_CONNECTION",
    fileKey: "connection",
    schema: connectionMode.default("auto"),
    defaultText: "auto",
    help: "How calls get to the server: auto, socket (a WebSocket only) or http (never a WebSocket)",
  },
  slots: {
    kind: "value",
    placeholder: "N",
    env: "TANVRIT_AGENT_SLOTS",
    fileKey: "slots",
    schema: () => optionNumber({ min: 1, max: 10_000, integer: true }),
    defaultText: "the number of cores",
    help: "How many jobs may run at once",
  },
});
