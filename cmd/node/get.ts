import { ungrantedInWords } from "../../shared/grants.ts";
import type { Node } from "../../shared/node.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findNode } from "../connection/find-id.ts";
import { formatAge, formatFields } from "../output/format.ts";
import { joinPainted } from "../output/paint.ts";
import { formatTable } from "../output/table.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "NODE", help: "its id or name, as node list shows them" }],
  examples: [{ line: "node get $id --json", does: "Everything a node reports, and what runs on it" }],
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { nodes, executions } = compute;
    const nodeId = await findNode(compute, positionals[0] ?? "", output);
    const node = await nodes.retrieve(nodeId, patience(output));
    const live = { nodeId, status: ["ASSIGNED" as const, "RUNNING" as const] };
    const running = await Array.fromAsync(executions.list(live, patience(output)));
    if (options.json) {
      await output.json({ ...node, executions: running });
      return 0;
    }
    const look = output.resultLook;
    const parts = [formatFields(fieldsOf(node), look)];
    if (running.length > 0) {
      const cells = running.map((one) => [
        one.executionId,
        one.jobId,
        one.status,
        one.gpuIndexes.join(","),
        formatAge(one.assignedAt),
      ]);
      parts.push(formatTable(["EXECUTION", "JOB", "STATUS", "GPUS", "AGE"], cells, look));
    }
    await output.painted(joinPainted(parts, "\n\n"));
    return 0;
  },
});

/** The fields of the API, with nested fields made flat. */
function fieldsOf(node: Node): Record<string, unknown> {
  const { waitsForGrant, capacity, caps, allow, labels, jobTypes, lastHeartbeatAt, createdAt, ...rest } =
    node;
  const { enforcedBy, ...limits } = caps ?? {};
  return {
    ...rest,
    jobTypes: jobTypes.join(", "),
    labels: pairs(labels),
    waitsForGrant: waitsForGrant && ungrantedInWords(waitsForGrant),
    capacity: pairs(capacity),
    caps: pairs(limits) || undefined,
    enforcedBy,
    allow: allow && listed(allow),
    lastHeartbeatAt: `${lastHeartbeatAt} (${formatAge(lastHeartbeatAt)} ago)`,
    createdAt,
  };
}

/** Lists as `networks=bridge,none`, without the empty ones. */
function listed(lists: Readonly<Record<string, readonly string[] | undefined>>): string | undefined {
  const full = Object.entries(lists).filter(([, list]) => list && list.length > 0);
  return full.map(([name, list]) => `${name}=${list?.join(",")}`).join(" ") || undefined;
}

function pairs(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
}
