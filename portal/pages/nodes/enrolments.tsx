import type { EndpointOutput } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { Card, Chip } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm } from "../../ui/dialog.tsx";
import { PagedTable } from "../../ui/list.tsx";
import { Status } from "../../ui/status.tsx";
import type { Column } from "../../ui/table.tsx";
import { Ago, nowMs } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";

type Enrolment = EndpointOutput<"enrolments.list">["enrolments"][number];

const PAGE_SIZE = 10;

/** The tokens with which machines register: who made them, and how often they were used. Nothing, if there are none. */
export function Enrolments() {
  const list = usePages<Enrolment>(
    "enrolments",
    async (cursor, signal) => {
      const input = { limit: PAGE_SIZE, cursor };
      const { enrolments, nextCursor } = await compute.client.call("enrolments.list", input, { signal });
      return { rows: enrolments, nextCursor };
    },
    { topics: ["enrolments"], keyOf: (one) => one.enrolmentId },
  );
  if (list.rows?.length === 0) return null;
  return (
    <Card title="Enrolment tokens" isFlush>
      <PagedTable
        label="Enrolment tokens"
        pages={list}
        columns={columnsOf(list.refresh)}
        keyOf={(one) => one.enrolmentId}
        empty={null}
      />
    </Card>
  );
}

function columnsOf(refresh: () => void): Column<Enrolment>[] {
  return [
    { name: "Token", cell: (one) => <span class="mono cut">{one.enrolmentId}</span> },
    { name: "State", cell: (one) => <State of={one} /> },
    {
      name: "Machines",
      cell: (one) => (
        <span class="number">
          {one.used} of {one.uses}
        </span>
      ),
    },
    { name: "Gives", cell: (one) => <Gives of={one} /> },
    {
      name: "Made",
      cell: (one) => (
        <span>
          <Ago at={one.createdAt} />
          {one.createdBy !== undefined && <span class="quiet"> by {one.createdBy}</span>}
        </span>
      ),
    },
    { name: "Expires", cell: (one) => <Ago at={one.expiresAt} /> },
    {
      name: "Actions",
      isUnnamed: true,
      atEnd: true,
      cell: (one) =>
        one.revokedAt === undefined && (
          <Button
            look="plain"
            onClick={async () => {
              await revoke(one);
              refresh();
            }}
          >
            Revoke
          </Button>
        ),
    },
  ];
}

function State({ of: { revokedAt, expiresAt, used, uses } }: { of: Enrolment }) {
  if (revokedAt !== undefined) return <Status of="CANCELLED" text="Revoked" />;
  if (used >= uses) return <Status of="SKIPPED" text="Used up" />;
  if (Date.parse(expiresAt) <= nowMs.value) return <Status of="SKIPPED" text="Expired" />;
  return <Status of="ACTIVE" text="Valid" />;
}

function Gives({ of: { pool, labels } }: { of: Enrolment }) {
  const given = Object.entries(labels).map(([key, value]) => `${key}=${value}`);
  if (pool !== undefined) given.unshift(`pool ${pool}`);
  if (given.length === 0) return <span class="quiet">default pool</span>;
  return (
    <div class="row wrap chips">
      {given.map((text) => (
        <Chip key={text} title={text}>
          {text}
        </Chip>
      ))}
    </div>
  );
}

async function revoke({ enrolmentId, used }: Enrolment): Promise<void> {
  let endsNodes = false;
  const machines = used === 1 ? "The machine" : `The ${used} machines`;
  const isSure = await confirm({
    title: "Revoke the token?",
    text: (
      <div class="stack">
        <p>No more machines can register with it.</p>
        {used > 0 && (
          <label class="choice">
            <input
              type="checkbox"
              onChange={(event) => {
                endsNodes = event.currentTarget.checked;
              }}
            />
            {machines} that registered with it {used === 1 ? "gets" : "get"} no new jobs either
          </label>
        )}
      </div>
    ),
    yes: "Revoke",
    no: "Back",
    isBad: true,
  });
  if (!isSure) return;
  const { endedNodes } = await compute.enrolments.revoke(enrolmentId, { nodes: endsNodes });
  changed("nodes", endedNodes);
  toast("No more machines can register with that token.");
}
