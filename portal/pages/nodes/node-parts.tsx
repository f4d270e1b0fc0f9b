import type { Node } from "../../../sdk/index.ts";
import { mayI, me } from "../../api/whoami.ts";
import { Meter } from "../../charts/small.tsx";
import { Chip } from "../../ui/blocks.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Status } from "../../ui/status.tsx";

/** Labels that every agent finds out by itself; a page of facts says them in words. */
const DETECTED =
  /^(os|arch|hostname|cpuCount|memoryMb|docker|cuda|rocm|metal|android|gpu)$|^(gpu|cuda|rocm|metal|docker|android)\./;
const MAX_CHIPS = 4;

/** Whether the person may drain, grant and delete this node: their own, or any as an admin. */
export function mayChange(node: Node): boolean {
  const isOwn = node.owner !== undefined && node.owner === me.value?.userName;
  return mayI("nodes.change-others") || (mayI("nodes.change") && isOwn);
}

/** The state of a node, and below it why it takes no jobs although it is there. */
export function NodeState({ node }: { node: Node }) {
  const isRefusing = node.refusing !== undefined && node.status !== "OFFLINE";
  return (
    <div class="node-state">
      {node.deletedAt !== undefined ? <Status of="CANCELLED" text="Deleted" /> : <Status of={node.status} />}
      {node.waitsForGrant && (
        <span class="status warn">
          <Icon name="shield" />
          Needs a grant
        </span>
      )}
      {isRefusing && (
        <p class="why" title={node.refusing}>
          <Icon name="alert" />
          <span>Takes no jobs: {node.refusing}</span>
        </p>
      )}
    </div>
  );
}

/** How many jobs run of how many may, as a bar and in words. */
export function Slots({ node: { runningExecutions, capacity } }: { node: Node }) {
  const { slots } = capacity;
  return (
    <Meter label="Running" value={runningExecutions} max={slots} text={`${runningExecutions} of ${slots}`} />
  );
}

/** `8 cores · 15.6 GiB`, and its GPUs below. */
export function Machine({ node }: { node: Node }) {
  const { cpu, memoryMb } = node.capacity;
  const gpus = gpusInWords(node);
  return (
    <div class="machine">
      <div class="number">
        {coresInWords(cpu)} · {memoryInWords(memoryMb)}
      </div>
      {gpus !== undefined && <div class="quiet">{gpus}</div>}
    </div>
  );
}

/** `2 × NVIDIA H100 80GB HBM3`; undefined if it has no GPU. */
export function gpusInWords({ capacity, labels }: Node): string | undefined {
  if (capacity.gpuCount === 0) return undefined;
  const model = labels["gpu.model"] ?? (labels["gpu.vendor"] ? `${labels["gpu.vendor"]} GPU` : "GPU");
  return `${capacity.gpuCount} × ${model}`;
}

/** The pool, and the labels that a person gave. */
export function Labels({ node }: { node: Node }) {
  const own = ownLabels(node);
  const shown = own.slice(0, MAX_CHIPS);
  return (
    <div class="row wrap chips">
      <Chip title={`pool ${node.pool}`}>{node.pool}</Chip>
      {shown.map((label) => (
        <Chip key={label} title={label}>
          {label}
        </Chip>
      ))}
      {own.length > shown.length && (
        <span class="quiet" title={own.slice(MAX_CHIPS).join(", ")}>
          and {own.length - shown.length} more
        </span>
      )}
    </div>
  );
}

/** `key=value` of the labels that the agent did not find out by itself. */
export function ownLabels({ labels }: Node): string[] {
  return labelTexts(Object.entries(labels).filter(([key]) => !DETECTED.test(key)));
}

/** The same of those that it found out. */
export function detectedLabels({ labels }: Node): string[] {
  return labelTexts(Object.entries(labels).filter(([key]) => DETECTED.test(key)));
}

function labelTexts(entries: readonly [string, string][]): string[] {
  return entries.map(([key, value]) => (value === "" ? key : `${key}=${value}`)).sort();
}

export function coresInWords(cpu: number): string {
  return `${Math.round(cpu * 100) / 100} ${cpu === 1 ? "core" : "cores"}`;
}

export function memoryInWords(memoryMb: number): string {
  if (memoryMb < 1_024) return `${memoryMb} MiB`;
  return `${Math.round((memoryMb / 1_024) * 10) / 10} GiB`;
}
