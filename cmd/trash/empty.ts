import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { checkTrashId, trashPositional } from "./trash-positional.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [trashPositional],
  examples: [{ line: "trash empty $id", does: "Delete for good what that deletion took" }],
  details: "This cannot be undone. The room that logs and files took is free soon afterwards.",
  async run({ options, positionals, env, output }) {
    const trashId = checkTrashId(positionals[0]);
    const { trash } = await connect(env, options);
    const entry = await trash.empty(trashId, patience(output));
    if (options.json) await output.json(entry);
    else await output.note(`tanvrit-compute: ${entry.name ?? entry.items.join(", ")} is gone for good.`);
    return 0;
  },
});
