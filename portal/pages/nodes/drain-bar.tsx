import type { Node } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { Button } from "../../ui/button.tsx";
import { counted } from "../../ui/counted.ts";
import { confirm } from "../../ui/dialog.tsx";
import { toast } from "../../ui/toast.tsx";

/** What to do with the chosen nodes of the list. */
export function DrainBar(props: { nodes: readonly Node[]; onClear(none: ReadonlySet<string>): void }) {
  const { nodes, onClear } = props;
  if (nodes.length === 0) return null;
  const open = nodes.filter((node) => node.status === "ACTIVE" || node.status === "SUSPENDED");
  const draining = nodes.filter((node) => node.status === "DRAINING");
  const clear = () => onClear(new Set());
  return (
    <div class="chosen-bar" role="status">
      <strong>{counted(nodes.length, "node")} selected</strong>
      {open.length > 0 && (
        <Button
          icon="circlePause"
          onClick={async () => {
            if (await drain(open)) clear();
          }}
        >
          Drain {counted(open.length, "node")}
        </Button>
      )}
      {draining.length > 0 && (
        <Button
          icon="play"
          onClick={async () => {
            await undrain(draining);
            clear();
          }}
        >
          Give jobs again to {counted(draining.length, "node")}
        </Button>
      )}
      <Button look="plain" onClick={clear}>
        Clear
      </Button>
    </div>
  );
}

/** Asks first, and says what becomes of the jobs that run. Resolves with whether the person said yes. */
export async function drain(nodes: readonly Node[]): Promise<boolean> {
  const running = nodes.reduce((sum, node) => sum + node.runningExecutions, 0);
  const jobs = running === 1 ? "The job that runs there ends" : `The ${running} jobs that run there end`;
  const isSure = await confirm({
    title: `Drain ${nodes.length === 1 ? nodes[0]?.name : counted(nodes.length, "node")}?`,
    text: (
      <p>
        {nodes.length === 1 ? "It gets" : "They get"} no new jobs until you undo that.{" "}
        {running === 0 ? "Nothing runs there now." : `${jobs} as usual; nothing is cancelled.`}
      </p>
    ),
    yes: "Drain",
    no: "Back",
  });
  if (!isSure) return false;
  await each(nodes, (node) => compute.nodes.drain(node.nodeId));
  toast(`${nodes.length === 1 ? nodes[0]?.name : counted(nodes.length, "node")} will get no new jobs.`);
  return true;
}

export async function undrain(nodes: readonly Node[]): Promise<void> {
  await each(nodes, (node) => compute.nodes.undrain(node.nodeId));
  toast(`${nodes.length === 1 ? nodes[0]?.name : counted(nodes.length, "node")} will get jobs again.`);
}

async function each(nodes: readonly Node[], change: (node: Node) => Promise<unknown>): Promise<void> {
  try {
    await Promise.all(nodes.map(change));
  } finally {
    changed(
      "nodes",
      nodes.map((node) => node.nodeId),
    );
  }
}
