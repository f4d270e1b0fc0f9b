import { defineCommand } from "../command.ts";
import { checkId, clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "NODE", help: "its id, as node list shows it" }],
  examples: [{ line: "node rotate-key $id", does: "After its key was seen by someone else" }],
  details: `The old key is refused at once. The agent notices, and gets a key of its own with its workspace's session;
the key that is printed here is then void again, and useful only to agents without a session.`,
  async run({ options, positionals, env, output }) {
    const nodeId = checkId("node", positionals[0] ?? "");
    const { nodes } = await connect(env, options);
    const answer = await nodes.rotateKey(nodeId, patience(output));
    if (options.json) {
      await output.json(answer);
      return 0;
    }
    await output.note(`The key of ${nodeId} is shown this once:`);
    await output.result(answer.nodeKey);
    return 0;
  },
});
