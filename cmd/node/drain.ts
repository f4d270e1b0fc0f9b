import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findNode } from "../connection/find-id.ts";

const options = defineOptions({
  ...clientOptions,
  undo: flagOption("Give it jobs again"),
});

export const command = defineCommand({
  options,
  positionals: [{ name: "NODE", help: "its id or name, as node list shows them" }],
  examples: [
    { line: "node drain $id", does: "Before an update: its jobs keep running, nothing new starts" },
    { line: "node drain $id --undo", does: "After the update" },
  ],
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { nodes } = compute;
    const nodeId = await findNode(compute, positionals[0] ?? "", output);
    const node = await (options.undo
      ? nodes.undrain(nodeId, patience(output))
      : nodes.drain(nodeId, patience(output)));
    if (options.json) await output.json(node);
    else
      await output.note(
        `${node.name} (${nodeId}) is ${node.status}; it is running ${counted(node.runningExecutions, "job")}.`,
      );
    return 0;
  },
});
