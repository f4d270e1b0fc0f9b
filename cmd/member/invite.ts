import { emailAddress, role } from "../../shared/auth.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";

const options = defineOptions({
  role: {
    kind: "value",
    placeholder: "ROLE",
    schema: role.default("member"),
    help: "What the person may do: owner, admin, member or viewer",
  },
  email: {
    kind: "value",
    placeholder: "ADDRESS",
    schema: emailAddress,
    help: "Whom it is for; a server with mail sends the link there",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    { line: "member invite", does: "Print a link with which one person joins as a member" },
    { line: "member invite --role viewer --email ben@example.org", does: "Invite Ben to look on" },
  ],
  details:
    "Owners and admins may do this; only owners invite owners. The link is valid once, for seven days. It is printed only\nhere: give it to that person over a channel that you trust.",
  async run({ options, env, output }) {
    const { members } = await connect(env, options);
    const { role, email } = options;
    const invited = await members.invite(role, { email, ...patience(output) });
    if (options.json) {
      await output.json(invited);
      return 0;
    }
    const mailed = invited.mailed ? `It was also sent to ${invited.email}.` : "";
    await output.note(
      `The first person who opens this link joins as ${role}. It is valid until ${invited.expiresAt}. ${mailed}`.trimEnd(),
    );
    await output.result(invited.url);
    return 0;
  },
});
