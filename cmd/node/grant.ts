import { labelPairs } from "../../shared/config/label-option.ts";
import { defineOptions, optionNumber } from "../../shared/config/options.ts";
import { ungrantedInWords } from "../../shared/grants.ts";
import { pool } from "../../shared/job-fields.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findNode } from "../connection/find-id.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";

const options = defineOptions({
  ...clientOptions,
  pool: {
    kind: "value",
    placeholder: "POOL",
    schema: () => pool().unwrap(),
    help: "A pool that the node may take jobs from",
  },
  label: {
    kind: "list",
    placeholder: "KEY=VALUE",
    schema: labelPairs,
    help: "A label by which jobs may find the node",
  },
  slots: {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, max: 10_000, integer: true }),
    help: "How many jobs the node may run at once",
  },
});

export const command = defineCommand({
  options,
  positionals: [{ name: "NODE", help: "its id or name, as node list shows them" }],
  examples: [
    {
      line: "node grant $id --pool gpu --label disk=ssd",
      does: "Accept these from the node's agent from now on",
    },
  ],
  details: `Everything a person registers a node with is granted. With its own key a node may offer less, but more only if that is
granted here, or by the sign-in on its machine when agent.yaml is changed. node get shows what waits for a grant.`,
  async run({ options, positionals, env, output }) {
    const { pool, label, slots } = options;
    if (pool === undefined && slots === undefined && Object.keys(label).length === 0) {
      throw new CliError("usage", "there is nothing to grant", { todo: "Give --pool, --label or --slots" });
    }
    const compute = await connect(env, options);
    const { nodes } = compute;
    const nodeId = await findNode(compute, positionals[0] ?? "", output);
    const node = await nodes.grant(nodeId, { pool, labels: label, slots }, patience(output));
    if (options.json) await output.json(node);
    else
      await output.note(
        `${node.name} (${nodeId}) may offer ${ungrantedInWords({ pool, labels: label, slots })}.`,
      );
    if (node.waitsForGrant && !options.json)
      await output.note(`Still waiting for a grant: ${ungrantedInWords(node.waitsForGrant)}.`);
    return exitCodes.ok;
  },
});
