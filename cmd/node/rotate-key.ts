import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findNode } from "../connection/find-id.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "NODE", help: "its id or name, as node list shows them" }],
  examples: [{ line: "node rotate-key $id", does: "Replace a key that someone else has seen" }],
  details: `The old key is refused immediately. The agent notices, and gets a new key through its workspace's session. The key
that is printed here stops working then, too; it is useful only to agents without a session.`,
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { nodes } = compute;
    const nodeId = await findNode(compute, positionals[0] ?? "", output);
    const answer = await nodes.rotateKey(nodeId, patience(output));
    if (options.json) {
      await output.json(answer);
      return 0;
    }
    await output.note(`The key of ${nodeId}, shown only once:`);
    await output.result(answer.nodeKey);
    return 0;
  },
});
