import { role } from "../../shared/auth.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [
    { name: "USER", help: "a name, an email address or an id, as member list shows them" },
    { name: "ROLE", help: "owner, admin, member or viewer" },
  ],
  examples: [{ line: "member role ben viewer", does: "Ben may look on, and change nothing" }],
  details: `Owners and admins may do this; only owners make owners, and change the role of one. The role applies to the
person's next request on every server. A business always has an owner.`,
  async run({ options, positionals, env, output }) {
    const [user = "", wanted = ""] = positionals;
    const parsed = role.safeParse(wanted);
    if (!parsed.success) {
      throw new CliError("usage", `there is no role ${wanted}; the roles are ${role.options.join(", ")}`);
    }
    const { members } = await connect(env, options);
    const changed = await members.changeRole(user, parsed.data, patience(output));
    if (options.json) await output.json(changed);
    else await output.note(`tanvrit-compute: ${changed.userName} is now ${changed.role}`);
    return 0;
  },
});
