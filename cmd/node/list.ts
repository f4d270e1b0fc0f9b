import { defineOptions } from "../../shared/config/options.ts";
import { ungrantedInWords } from "../../shared/grants.ts";
import { type Node, nodeStatus } from "../../shared/node.ts";
import { defineCommand } from "../command/command.ts";
import { statusOption } from "../command/common-options.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatAge } from "../output/format.ts";
import { type Columns, showList } from "../output/list.ts";

const options = defineOptions({
  ...clientOptions,
  status: statusOption("nodes", nodeStatus.options),
});

const columns: Columns<Node> = {
  ID: (node) => node.nodeId,
  NAME: (node) => node.name,
  OWNER: (node) => node.owner ?? "",
  STATUS: (node) => node.status,
  JOBS: (node) => `${node.runningExecutions}/${node.capacity.slots}`,
  CPU: (node) => String(node.capacity.cpu),
  "MEMORY MB": (node) => String(node.capacity.memoryMb),
  SEEN: (node) => `${formatAge(node.lastHeartbeatAt)} ago`,
};
const refusal: Columns<Node> = { "REFUSES WORK": (node) => node.refusing ?? "" };

/** The names of nodes that are online and share a machine, by machine. */
function onOneMachine(nodes: readonly Node[]): string[][] {
  const there = nodes.filter((node) => node.machine !== undefined && node.status !== "OFFLINE");
  const groups = Map.groupBy(there, (node) => node.machine);
  return [...groups.values()]
    .filter((group) => group.length > 1)
    .map((group) => group.map((node) => node.name));
}

const waiting: Columns<Node> = {
  "WAITS FOR GRANT": ({ waitsForGrant }) => (waitsForGrant ? ungrantedInWords(waitsForGrant) : ""),
};

export const command = defineCommand({
  options,
  examples: [{ line: "node list --status active", does: "The nodes that take jobs now" }],
  async run({ options, env, output }) {
    const { nodes } = await connect(env, options);
    const all = await Array.fromAsync(nodes.list({ status: options.status }, patience(output)));
    // There is rarely anything to say, but then it must be seen.
    if (!options.json) {
      for (const names of onOneMachine(all)) {
        await output.note(
          `${names.join(" and ")} are agents on one machine, and each offers that machine's cores and memory.`,
        );
      }
    }
    const isRefusing = all.some((node) => node.refusing !== undefined);
    const isWaiting = all.some((node) => node.waitsForGrant !== undefined);
    const shown = { ...columns, ...(isRefusing ? refusal : {}), ...(isWaiting ? waiting : {}) };
    return showList(output, options, all, shown);
  },
});
