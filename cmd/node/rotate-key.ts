import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findNode } from "../connection/find-id.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "NODE", help: "its id or name, as node list shows them" }],
  examples: [{ line: "node rotate-key $id", does: "Replace a key that someone else has seen" }],
  details: `Every server refuses the old key from its next call on. An agent that runs with it gets a new key by itself, without a
sign-in, and goes on; the key that is printed here stops working then, too. An agent that does not run at that moment
needs a sign-in or an enrolment token to come back.`,
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
