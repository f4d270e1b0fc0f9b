import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { isId } from "../../shared/id-schema.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";

export const command = defineCommand({
  options: defineOptions({
    nodes: flagOption("Its nodes lose their access too: they get no new jobs, and finish those that run"),
    ...clientOptions,
  }),
  positionals: [{ name: "ENROLMENT", help: "its id, as node enroll list shows it" }],
  // A person may paste the token itself.
  surplus: "only the id of one enrolment goes here, never a token",
  examples: [
    { line: "node enroll revoke $id", does: "Let no more machines register; its nodes stay" },
    { line: "node enroll revoke $id --nodes", does: "A token was stolen: end the nodes that used it, too" },
  ],
  async run({ options, positionals, env, output }) {
    const id = positionals[0] ?? "";
    if (!isId("enr", id)) {
      throw new CliError("usage", "that is not the id of an enrolment", {
        todo: "tanvrit-compute node enroll list shows the ids, like enr_01m8…",
      });
    }
    const { enrolments } = await connect(env, options);
    const revoked = await enrolments.revoke(id, { nodes: options.nodes, ...patience(output) });
    if (options.json) {
      await output.json(revoked);
      return 0;
    }
    const { used, endedNodes } = revoked;
    const ended = options.nodes
      ? `${counted(endedNodes.length, "node")} lost ${endedNodes.length === 1 ? "its" : "their"} access.`
      : used > 0
        ? `${counted(used, "node")} that registered with it ${used === 1 ? "stays" : "stay"}; --nodes ends ${used === 1 ? "it" : "them"} too.`
        : "No machine had registered with it.";
    await output.note(`No more machines can register with ${id}. ${ended}`);
    return 0;
  },
});
