import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "USER", help: "a name, an email address or an id, as member list shows them" }],
  examples: [{ line: "member remove ben", does: "End everything that Ben has in the business" }],
  details: `Owners and admins may do this; only owners remove owners. The person's sessions, API keys and nodes in the
business end immediately, and their schedules no longer fire. Their jobs and what these made stay. A business always has
an owner.`,
  async run({ options, positionals, env, output }) {
    const { members } = await connect(env, options);
    const removed = await members.remove(positionals[0] ?? "", patience(output));
    if (options.json) await output.json(removed);
    else await output.note(`tanvrit-compute: ${removed.userName} no longer belongs to the business`);
    return 0;
  },
});
