import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { checkTrashId, trashPositional } from "./trash-positional.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [trashPositional],
  examples: [{ line: "trash restore $id", does: "Bring back what that deletion took" }],
  details: "Logs and files are as they were. A schedule comes back paused: see schedule resume.",
  async run({ options, positionals, env, output }) {
    const trashId = checkTrashId(positionals[0]);
    const { trash } = await connect(env, options);
    const entry = await trash.restore(trashId, patience(output));
    if (options.json) await output.json(entry);
    else await output.note(`tanvrit-compute: ${entry.name ?? entry.items.join(", ")} is back.`);
    return 0;
  },
});
