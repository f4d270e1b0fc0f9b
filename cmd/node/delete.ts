import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findNode } from "../connection/find-id.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "NODE", help: "its id or name, as node list shows them" }],
  examples: [{ line: "node delete $id", does: "Remove a node after its machine was given away" }],
  details: `Only a node that is OFFLINE can be deleted. node list no longer shows it, and its key is refused; node get still
shows it, for the history of its jobs. An agent that comes back with this key registers as a new node.`,
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { nodes } = compute;
    const nodeId = await findNode(compute, positionals[0] ?? "", output);
    await nodes.delete(nodeId, patience(output));
    if (options.json) await output.json({ nodeId });
    else await output.note(`${nodeId} is deleted.`);
    return 0;
  },
});
