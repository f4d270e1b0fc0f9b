import { defineOptions } from "../../shared/config/options.ts";
import { ungrantedInWords } from "../../shared/grants.ts";
import { type Node, nodeStatus } from "../../shared/node.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { formatAge } from "../format.ts";
import { type Columns, showList, statusOption } from "../listing.ts";

const options = defineOptions({
  ...clientOptions,
  status: statusOption("nodes", nodeStatus.options),
});

const columns: Columns<Node> = {
  ID: (node) => node.nodeId,
  NAME: (node) => node.name,
  STATUS: (node) => node.status,
  JOBS: (node) => `${node.runningExecutions}/${node.capacity.slots}`,
  CPU: (node) => String(node.capacity.cpu),
  "MEMORY MB": (node) => String(node.capacity.memoryMb),
  SEEN: (node) => `${formatAge(node.lastHeartbeatAt)} ago`,
};
const refusal: Columns<Node> = { "REFUSES WORK": (node) => node.refusing ?? "" };

const waiting: Columns<Node> = {
  "WAITS FOR GRANT": ({ waitsForGrant }) => (waitsForGrant ? ungrantedInWords(waitsForGrant) : ""),
};

export const command = defineCommand({
  options,
  examples: [{ line: "node list --status active", does: "The nodes that take jobs now" }],
  async run({ options, env, output }) {
    const { nodes } = await connect(env, options);
    const all = await Array.fromAsync(nodes.list({ status: options.status }, patience(output)));
    // Seldom anything to say, and then it must be seen.
    const isRefusing = all.some((node) => node.refusing !== undefined);
    const isWaiting = all.some((node) => node.waitsForGrant !== undefined);
    const shown = { ...columns, ...(isRefusing ? refusal : {}), ...(isWaiting ? waiting : {}) };
    return showList(output, options, all, shown);
  },
});
