import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { useLocation } from "preact-iso";
import type { EndpointInput, Node } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { mayI } from "../../api/whoami.ts";
import { Card, Empty, PageHead } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { PagedTable } from "../../ui/list.tsx";
import type { Column } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { AddNode } from "./add-node.tsx";
import { DrainBar } from "./drain-bar.tsx";
import { Enrolments } from "./enrolments.tsx";
import { filterOf, NodeFilters } from "./node-filters.tsx";
import { Labels, Machine, mayChange, NodeState, Slots } from "./node-parts.tsx";

const PAGE_SIZE = 50;
/** Running jobs come and go without a change of the node. */
const COUNTS_EVERY_MS = 5_000;

export default function NodesPage() {
  const { query } = useLocation();
  const [isAdding, setIsAdding] = useState(false);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const filter = filterOf(query);
  const list = useNodes(filter);
  const choose = (nodeId: string, isChosen: boolean) => {
    const next = new Set(chosen);
    if (isChosen) next.add(nodeId);
    else next.delete(nodeId);
    setChosen(next);
  };
  const addButton = mayI("nodes.register") && (
    <Button look="main" icon="plus" onClick={() => setIsAdding(true)}>
      Add a node
    </Button>
  );
  const picked = list.rows?.filter(({ nodeId }) => chosen.has(nodeId)) ?? [];
  const isFiltered = Object.keys(filter).length > 0;
  const isUnused = list.rows?.length === 0 && !isFiltered;
  return (
    <>
      <PageHead title="Nodes" actions={!isUnused && addButton}>
        <p class="quiet">The machines that run your jobs.</p>
      </PageHead>
      <div class="stack">
        {!isUnused && <NodeFilters query={query} />}
        {isUnused ? (
          <NoNodes>{addButton}</NoNodes>
        ) : (
          <>
            <DrainBar nodes={picked} onClear={setChosen} />
            <Card isFlush>
              <PagedTable
                label="Nodes"
                pages={list}
                columns={columnsOf(chosen, choose)}
                keyOf={(node) => node.nodeId}
                isSelected={(node) => chosen.has(node.nodeId)}
                empty={<NoMatch />}
              />
            </Card>
          </>
        )}
        {mayI("nodes.enroll") && <Enrolments />}
      </div>
      {isAdding && <AddNode onClose={() => setIsAdding(false)} />}
    </>
  );
}

type Filter = Omit<EndpointInput<"nodes.list">, "limit" | "cursor">;

function useNodes(filter: Filter) {
  return usePages<Node>(
    `nodes ${JSON.stringify(filter)}`,
    async (cursor, signal) => {
      const input = { ...filter, limit: PAGE_SIZE, cursor };
      const { nodes, nextCursor } = await compute.client.call("nodes.list", input, { signal });
      return { rows: nodes, nextCursor };
    },
    { topics: ["nodes"], everyMs: COUNTS_EVERY_MS, keyOf: (node) => node.nodeId },
  );
}

function columnsOf(
  chosen: ReadonlySet<string>,
  choose: (nodeId: string, isChosen: boolean) => void,
): Column<Node>[] {
  return [
    {
      name: "Node",
      cell: (node) => (
        <div class="row node-name">
          {mayChange(node) && (
            <input
              type="checkbox"
              aria-label={`Select ${node.name}`}
              checked={chosen.has(node.nodeId)}
              onChange={(event) => choose(node.nodeId, event.currentTarget.checked)}
            />
          )}
          <div class="cut">
            <div class="cut" title={node.name}>
              <a href={`/nodes/${node.nodeId}`}>{node.name}</a>
            </div>
            <div class="cut quiet" title={placeOf(node)}>
              {placeOf(node)}
            </div>
          </div>
        </div>
      ),
    },
    { name: "State", cell: (node) => <NodeState node={node} /> },
    { name: "Running", cell: (node) => <Slots node={node} /> },
    { name: "Machine", cell: (node) => <Machine node={node} /> },
    { name: "Pool and labels", cell: (node) => <Labels node={node} /> },
    {
      name: "Heartbeat",
      cell: (node) => (
        <div>
          <Ago at={node.lastHeartbeatAt} />
          <div class="quiet number">agent {node.agentVersion}</div>
        </div>
      ),
    },
  ];
}

/** `rack-4.example.org · anna`: its host if that is not its name, and its owner. */
function placeOf({ name, host, owner }: Node): string {
  return [host === name ? undefined : host, owner].filter((part) => part !== undefined).join(" · ");
}

function NoNodes({ children }: { children: ComponentChildren }) {
  return (
    <Empty icon="server" title="No machine runs your jobs yet">
      <p>
        A node is a machine with an agent: your laptop, a workstation with a GPU, a server in a rack. The
        agent registers once, takes the jobs that fit its machine, and keeps them going when the network
        breaks.
      </p>
      {children}
    </Empty>
  );
}

function NoMatch() {
  return (
    <Empty icon="search" title="No node matches">
      <p>
        <a href="/nodes">Show all nodes</a>
      </p>
    </Empty>
  );
}
