import type { ComponentChildren } from "preact";
import type { Node } from "../../../sdk/index.ts";
import { Card, Chip, Facts } from "../../ui/blocks.tsx";
import { counted } from "../../ui/counted.ts";
import { Ago, When } from "../../ui/time.tsx";
import { coresInWords, detectedLabels, gpusInWords, memoryInWords, ownLabels } from "./node-parts.tsx";

const JOB_TYPES: Readonly<Record<string, string>> = {
  COMMAND: "Commands",
  DOCKER: "Containers",
  GITHUB_ACTION: "GitHub workflows",
};

export function MachineFacts({ node }: { node: Node }) {
  const { cpu, memoryMb, slots } = node.capacity;
  return (
    <Card title="Machine">
      <Facts
        of={[
          ["Host", node.host],
          ["Processors", coresInWords(cpu)],
          ["Memory", memoryInWords(memoryMb)],
          ["GPUs", gpusInWords(node) ?? "none"],
          ["Slots", `${counted(slots, "job")} at once`],
          ["Runs", node.jobTypes.map((type) => JOB_TYPES[type] ?? type).join(", ") || "nothing now"],
          ["Agent", `version ${node.agentVersion}`],
          ["Last heartbeat", <Ago key="heard" at={node.lastHeartbeatAt} />],
          ["Registered", <When key="made" at={node.createdAt} />],
          ["Owner", node.owner],
          [
            "Id",
            <span key="id" class="mono">
              {node.nodeId}
            </span>,
          ],
        ]}
      />
    </Card>
  );
}

export function NodeLabels({ node }: { node: Node }) {
  return (
    <Card title="Pool and labels">
      <Facts
        of={[
          ["Pool", <Chip key="pool">{node.pool}</Chip>],
          ["Set by people", <Chips key="own" of={ownLabels(node)} />],
          ["Detected", <Chips key="detected" of={detectedLabels(node)} />],
        ]}
      />
    </Card>
  );
}

/** The limits of every job on this node; nothing if the agent does not say. */
export function Limits({ node: { caps } }: { node: Node }) {
  if (!caps) return null;
  return (
    <Card title="Limits of each job">
      <Facts
        of={[
          ["Processors", caps.cpu === undefined ? "those of the machine" : coresInWords(caps.cpu)],
          ["Memory", caps.memoryMb === undefined ? "that of the machine" : memoryInWords(caps.memoryMb)],
          ["GPUs", caps.gpuCount === undefined ? undefined : String(caps.gpuCount)],
          ["Processes", caps.pids === undefined ? undefined : String(caps.pids)],
          ["Enforced by", caps.enforcedBy],
        ]}
      />
    </Card>
  );
}

/** What the owner of the machine lets jobs do there. */
export function Allowed({ node: { allow } }: { node: Node }) {
  if (!allow) return null;
  return (
    <Card title="What the owner allows">
      <Facts
        of={[
          ["Job types", allow.executors?.map((type) => JOB_TYPES[type] ?? type).join(", ") ?? "all"],
          ["Images", listOr(allow.images, "all")],
          ["Mounts", listOr(allow.mounts, "none of the machine's directories")],
          ["Volumes", listOr(allow.volumes, "only those that jobs make")],
          ["Networks", listOr(allow.networks, "none")],
          ["Capabilities", listOr(allow.capabilities, "only the usual ones")],
          ["People", listOr(allow.users, "everybody in the business")],
        ]}
      />
    </Card>
  );
}

function listOr(items: readonly string[] | undefined, otherwise: string): ComponentChildren {
  return items === undefined || items.length === 0 ? otherwise : <Chips of={items} />;
}

function Chips({ of }: { of: readonly string[] }) {
  if (of.length === 0) return <span class="quiet">none</span>;
  return (
    <div class="row wrap chips">
      {of.map((text) => (
        <Chip key={text} title={text}>
          {text}
        </Chip>
      ))}
    </div>
  );
}
