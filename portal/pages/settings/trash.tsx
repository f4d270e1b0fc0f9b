import type { TrashEntry } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { Card, Empty } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm } from "../../ui/dialog.tsx";
import { PagedTable } from "../../ui/list.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";

/** What people deleted in the last 30 days. */
export function Trash() {
  const pages = usePages(
    "trash",
    async (cursor) => {
      const { entries, nextCursor } = await compute.client.call("trash.list", { cursor });
      return { rows: entries, nextCursor };
    },
    { topics: ["trash"], keyOf: ({ trashId }) => trashId },
  );
  const restore = async (entry: TrashEntry) => {
    await compute.trash.restore(entry.trashId);
    toast(`${whatOf(entry)} came back.${entry.kind === "schedule" ? " The schedule is paused." : ""}`);
    pages.refresh();
  };
  const empty = async (entry: TrashEntry) => {
    const text = <p>{whatOf(entry)} cannot be brought back after this.</p>;
    if (!(await confirm({ title: "Delete for good?", text, yes: "Delete for good", isBad: true }))) return;
    await compute.trash.empty(entry.trashId);
    pages.refresh();
  };
  const columns = [
    { name: "What", cell: (entry: TrashEntry) => <strong>{whatOf(entry)}</strong> },
    { name: "Deleted by", cell: ({ deletedBy }: TrashEntry) => deletedBy },
    { name: "Deleted", cell: ({ deletedAt }: TrashEntry) => <Ago at={deletedAt} /> },
    { name: "Gone for good", cell: ({ expiresAt }: TrashEntry) => <Ago at={expiresAt} /> },
    {
      name: "Actions",
      isUnnamed: true,
      atEnd: true,
      cell: (entry: TrashEntry) => (
        <span class="row">
          <Button icon="retry" onClick={() => restore(entry)}>
            Restore
          </Button>
          <Button look="bad" onClick={() => empty(entry)}>
            Delete for good
          </Button>
        </span>
      ),
    },
  ];
  return (
    <Card title="Trash" isFlush>
      <PagedTable
        label="Trash"
        pages={pages}
        columns={columns}
        keyOf={({ trashId }) => trashId}
        empty={
          <Empty icon="trash" title="The trash is empty">
            <p class="quiet">
              Deleted jobs, templates, schedules, secrets and artifacts stay here for 30 days and can be
              brought back.
            </p>
          </Empty>
        }
      />
    </Card>
  );
}

const KINDS: Readonly<Record<TrashEntry["kind"], readonly [one: string, many: string]>> = {
  jobs: ["Job", "jobs"],
  template: ["Template", "templates"],
  schedule: ["Schedule", "schedules"],
  secrets: ["Secret", "secrets"],
  artifacts: ["Artifact", "artifacts"],
};

function whatOf({ kind, items, name }: TrashEntry): string {
  const [one, many] = KINDS[kind];
  return items.length === 1 ? `${one} ${name ?? items[0]}` : `${items.length} ${many}`;
}
