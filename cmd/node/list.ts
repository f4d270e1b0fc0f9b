import { z } from "zod";
import { defineOptions } from "../../shared/config/options.ts";
import { nodeStatus } from "../../shared/node.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatAge, formatTable } from "../format.ts";

const upper = z.string().transform((text) => text.toUpperCase());
const options = defineOptions({
  ...clientOptions,
  status: {
    kind: "list",
    placeholder: "STATUS",
    schema: z.array(upper.pipe(z.enum(nodeStatus.options))).optional(),
    help: `Only nodes that are ${nodeStatus.options.join(", ")}`,
  },
});

export const command = defineCommand({
  options,
  examples: [{ line: "node list --status active", does: "The nodes that take jobs now" }],
  async run({ options, env, output }) {
    const { nodes } = await connect(env, options);
    const all = await Array.fromAsync(nodes.list({ status: options.status }, patience(output)));
    if (options.json) {
      await output.json(all);
      return 0;
    }
    const cells = all.map((node) => [
      node.nodeId,
      node.name,
      node.status,
      `${node.runningExecutions}/${node.capacity.slots}`,
      String(node.capacity.cpu),
      String(node.capacity.memoryMb),
      `${formatAge(node.lastHeartbeatAt)} ago`,
      node.refusing ?? "",
    ]);
    const head = ["ID", "NAME", "STATUS", "JOBS", "CPU", "MEMORY MB", "SEEN"];
    // Seldom anything to say, and then it must be seen.
    if (all.some((node) => node.refusing !== undefined)) head.push("REFUSES WORK");
    await output.result(formatTable(head, cells));
    return 0;
  },
});
