import { type CreditEntry, formatUsd } from "../../../sdk/index.ts";
import { nameIn, usePeopleNames } from "../../api/names.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { Card } from "../../ui/blocks.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { PagedTable } from "../../ui/list.tsx";
import type { Column } from "../../ui/table.tsx";
import { When } from "../../ui/time.tsx";

const PAGE_SIZE = 25;

/** Every change of the person's credit, newest first. */
export function Ledger() {
  const list = usePages<CreditEntry>(
    "ledger",
    async (cursor, signal) => {
      const { entries, nextCursor } = await compute.client.call(
        "credits.ledger",
        { limit: PAGE_SIZE, cursor },
        { signal },
      );
      return { rows: entries, nextCursor };
    },
    { topics: ["credits"], keyOf: (entry) => entry.entryId },
  );
  const people = usePeopleNames();
  const nameOf = (id: string) => nameIn(people, id) ?? id;
  return (
    <Card title="Ledger" isFlush>
      <PagedTable
        label="Changes of your credit"
        pages={list}
        columns={columnsOf(nameOf)}
        keyOf={(entry) => entry.entryId}
        empty={<p class="body quiet">Nothing has changed your credit yet.</p>}
      />
    </Card>
  );
}

const KINDS: Readonly<Record<CreditEntry["kind"], { icon: IconName; text: string }>> = {
  MONTHLY_GRANT: { icon: "calendar", text: "Monthly grant" },
  GRANT: { icon: "plus", text: "Grant" },
  EXPIRE: { icon: "clock", text: "Expired with the month" },
  RESERVE: { icon: "shield", text: "Set aside" },
  SETTLE: { icon: "coins", text: "Cost of a job" },
  RELEASE: { icon: "retry", text: "Came back" },
};

const columnsOf = (nameOf: (userId: string) => string): Column<CreditEntry>[] => [
  {
    name: "What",
    cell: ({ kind }) => (
      <span class="row kind">
        <Icon name={KINDS[kind].icon} />
        {KINDS[kind].text}
      </span>
    ),
  },
  { name: "For", cell: (entry) => <For entry={entry} nameOf={nameOf} /> },
  { name: "When", cell: ({ createdAt }) => <When at={createdAt} /> },
  {
    name: "Cost",
    atEnd: true,
    cell: ({ costMicroUsd }) =>
      costMicroUsd === undefined ? null : <span class="number">{formatUsd(costMicroUsd)}</span>,
  },
  { name: "Change", atEnd: true, cell: ({ amountMicroUsd }) => <Change of={amountMicroUsd} /> },
  {
    name: "Available",
    atEnd: true,
    cell: ({ balanceMicroUsd }) => <span class="number">{formatUsd(balanceMicroUsd)}</span>,
  },
];

function For({ entry, nameOf }: { entry: CreditEntry; nameOf(userId: string): string }) {
  const { jobId, reason, grantedBy } = entry;
  if (jobId === undefined && reason === undefined && grantedBy === undefined) return null;
  return (
    <div>
      {jobId !== undefined && (
        <a class="mono" href={`/jobs/${jobId}`}>
          {jobId}
        </a>
      )}
      {reason !== undefined && (
        <div class="cut reason" title={reason}>
          {reason}
        </div>
      )}
      {grantedBy !== undefined && <div class="quiet">by {nameOf(grantedBy)}</div>}
    </div>
  );
}

/** `+$30.00`, `-$0.001234`; a change of nothing is quiet. */
function Change({ of }: { of: number }) {
  return (
    <span class={of === 0 ? "number quiet" : of > 0 ? "number gained" : "number"}>
      {of > 0 ? "+" : ""}
      {formatUsd(of)}
    </span>
  );
}
