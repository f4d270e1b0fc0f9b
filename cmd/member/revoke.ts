import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "INVITATION", help: "its id, as member invitations shows it" }],
  examples: [{ line: "member revoke inv_00000000000000000000000000", does: "Make a link useless" }],
  async run({ options, positionals, env, output }) {
    const { members } = await connect(env, options);
    const invitationId = positionals[0] ?? "";
    await members.revokeInvitation(invitationId, patience(output));
    if (options.json) await output.json({ invitationId });
    else await output.note(`tanvrit-compute: the link of ${invitationId} no longer works`);
    return 0;
  },
});
