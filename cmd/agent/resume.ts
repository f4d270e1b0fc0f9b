import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { changeOwnNode } from "./own-node.ts";

export const command = defineCommand({
  options: clientOptions,
  examples: [{ line: "agent resume", does: "After maintenance: this machine takes jobs again" }],
  details:
    "Undoes agent drain and node drain. Goes through the agent if it is running, otherwise through your sign-in.",
  async run({ options, env, output }) {
    const { name, nodeId, byAgent } = await changeOwnNode(env, options, "resume", output);
    const later = byAgent ? "" : " as soon as its agent runs: tanvrit-compute agent run";
    await output.note(`${name} takes jobs again${later}.`);
    if (options.json) await output.json({ nodeId, status: byAgent ? "ACTIVE" : "OFFLINE" });
    return exitCodes.ok;
  },
});
