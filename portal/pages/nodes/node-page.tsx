import { useState } from "preact/hooks";
import { useLocation, useRoute } from "preact-iso";
import type { Node } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Card, Code, PageHead, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm, Dialog } from "../../ui/dialog.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Menu } from "../../ui/menu.tsx";
import { MenuButton } from "../../ui/menu-button.tsx";
import { toast } from "../../ui/toast.tsx";
import { drain, undrain } from "./drain-bar.tsx";
import { Allowed, Limits, MachineFacts, NodeLabels } from "./node-facts.tsx";
import { NodeJobs } from "./node-jobs.tsx";
import { NodeLoad } from "./node-load.tsx";
import { mayChange, NodeState } from "./node-parts.tsx";

const COUNTS_EVERY_MS = 5_000;

export default function NodePage() {
  const { nodeId = "" } = useRoute().params;
  const {
    value: node,
    error,
    isFirst,
    refresh,
  } = useData(`node ${nodeId}`, (signal) => compute.client.call("nodes.retrieve", { nodeId }, { signal }), {
    topics: ["nodes"],
    ids: [nodeId],
    everyMs: COUNTS_EVERY_MS,
  });
  return (
    <>
      <p class="back">
        <a href="/nodes">Nodes</a>
      </p>
      <PageHead
        title={node?.name ?? "Node"}
        actions={node && mayChange(node) && node.deletedAt === undefined && <Actions node={node} />}
      >
        {node && <NodeState node={node} />}
      </PageHead>
      <div class="stack">
        {error !== undefined && <Trouble error={error} onRetry={refresh} />}
        {isFirst && <Waiting label="Loading the node" />}
        {node && <NodeDetails node={node} />}
      </div>
    </>
  );
}

function NodeDetails({ node }: { node: Node }) {
  return (
    <>
      {node.deletedAt !== undefined && (
        <p class="notice">
          <Icon name="info" />
          <span>This node was deleted. It is kept for the history of its jobs.</span>
        </p>
      )}
      {node.waitsForGrant && <WaitsForGrant node={node} />}
      <NodeLoad node={node} />
      <NodeJobs nodeId={node.nodeId} />
      <div class="columns">
        <MachineFacts node={node} />
        <NodeLabels node={node} />
        <Limits node={node} />
        <Allowed node={node} />
      </div>
    </>
  );
}

/** What its agent announces beyond what a person allowed it, with the button that allows it. */
function WaitsForGrant({ node }: { node: Node }) {
  const { pool, labels = {}, slots } = node.waitsForGrant ?? {};
  const asked = [
    ...(pool === undefined ? [] : [`the pool ${pool}`]),
    ...Object.entries(labels).map(([key, value]) => `the label ${key}=${value}`),
    ...(slots === undefined ? [] : [`${slots} slots`]),
  ];
  return (
    <Card
      title="Waits for a grant"
      actions={
        mayChange(node) && (
          <Button
            look="main"
            icon="check"
            onClick={async () => {
              await compute.nodes.grant(node.nodeId, { pool, labels: node.waitsForGrant?.labels, slots });
              changed("nodes", [node.nodeId]);
              toast(`${node.name} offers ${asked.join(", ")} from now on.`);
            }}
          >
            Grant
          </Button>
        )
      }
    >
      <div class="stack">
        <p>
          Its agent announces more than a person has allowed. Until then this does not count for jobs, because
          jobs bring their secrets to the nodes that their pool and labels choose.
        </p>
        <ul class="asked">
          {asked.map((one) => (
            <li key={one}>{one}</li>
          ))}
        </ul>
      </div>
    </Card>
  );
}

function Actions({ node }: { node: Node }) {
  const { route } = useLocation();
  const [newKey, setNewKey] = useState<string | undefined>(undefined);
  return (
    <>
      {node.status === "DRAINING" && (
        <Button icon="play" onClick={() => undrain([node])}>
          Give it jobs again
        </Button>
      )}
      {(node.status === "ACTIVE" || node.status === "SUSPENDED") && (
        <Button icon="circlePause" onClick={() => drain([node])}>
          Drain
        </Button>
      )}
      <Menu label="More for this node">
        <MenuButton icon="key" onClick={async () => setNewKey(await rotateKey(node))}>
          Rotate its key
        </MenuButton>
        <MenuButton
          icon="trash"
          onClick={async () => {
            if (await remove(node)) route("/nodes");
          }}
        >
          Delete
        </MenuButton>
      </Menu>
      {newKey !== undefined && <NewKey nodeKey={newKey} onClose={() => setNewKey(undefined)} />}
    </>
  );
}

/** Resolves with the new key; undefined if the person did not want one. */
async function rotateKey(node: Node): Promise<string | undefined> {
  const isSure = await confirm({
    title: `Replace the key of ${node.name}?`,
    text: (
      <div class="stack">
        <p>
          Do this if somebody else may have seen it: every server refuses the old key from its next call on.
        </p>
        {node.status === "OFFLINE" ? (
          <p>Its agent does not run now. To come back it needs a sign-in or an enrolment token.</p>
        ) : (
          <p>The running agent gets a new key by itself and goes on; its jobs are not affected.</p>
        )}
      </div>
    ),
    yes: "Replace the key",
    no: "Back",
  });
  return isSure ? (await compute.nodes.rotateKey(node.nodeId)).nodeKey : undefined;
}

function NewKey({ nodeKey, onClose }: { nodeKey: string; onClose(): void }) {
  return (
    <Dialog title="The key was replaced" isKept onClose={onClose}>
      <div class="stack">
        <p>
          A running agent needs nothing from you: it asks for a key of its own, and the one below stops
          working then.
        </p>
        <Code text={nodeKey} label="Copy the key" wraps />
        <p class="quiet">It is shown only now.</p>
      </div>
      <div class="actions">
        <Button look="main" onClick={onClose}>
          Done
        </Button>
      </div>
    </Dialog>
  );
}

/** Resolves with whether it was deleted. */
async function remove(node: Node): Promise<boolean> {
  if (node.status !== "OFFLINE")
    throw new Error(
      `${node.name} is online. Stop its agent first, wait until it is offline, and delete it then`,
    );
  const isSure = await confirm({
    title: `Delete ${node.name}?`,
    text: (
      <p>
        It leaves all lists, and its key is refused. Its jobs keep their history. The machine can register
        again as a new node.
      </p>
    ),
    yes: "Delete",
    no: "Keep",
    isBad: true,
  });
  if (!isSure) return false;
  await compute.nodes.delete(node.nodeId);
  changed("nodes", [node.nodeId]);
  toast(`${node.name} is deleted.`);
  return true;
}
