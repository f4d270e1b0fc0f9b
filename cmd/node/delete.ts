import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "NODE", help: "its id, as node list shows it" }],
  examples: [{ line: "node delete $id", does: "After its machine was given away" }],
  details: `Only a node that is OFFLINE. node list shows it no more, and its key is refused; node get still shows it, for the
history of its jobs. An agent that comes back with it registers as a new node.`,
  async run({ options, positionals, env, output }) {
    const nodeId = checkId("node", positionals[0] ?? "");
    const { nodes } = await connect(env, options);
    await nodes.delete(nodeId, patience(output));
    if (options.json) await output.json({ nodeId });
    else await output.note(`${nodeId} is deleted.`);
    return 0;
  },
});
