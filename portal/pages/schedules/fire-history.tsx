import type { ScheduleFire } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { Card } from "../../ui/blocks.tsx";
import { PagedTable } from "../../ui/list.tsx";
import type { Column } from "../../ui/table.tsx";
import { Ago, When } from "../../ui/time.tsx";
import { Outcome, reasonOf, reasonWord } from "./schedule-parts.tsx";

const PAGE_SIZE = 20;
/** The state of their jobs changes without them. */
const JOBS_EVERY_MS = 5_000;

/** What fired and what was skipped, and why. */
export function FireHistory({ scheduleId }: { scheduleId: string }) {
  const list = usePages<ScheduleFire>(
    `fires ${scheduleId}`,
    async (cursor, signal) => {
      const input = { scheduleId, limit: PAGE_SIZE, cursor };
      const { fires, nextCursor } = await compute.client.call("schedules.fires", input, { signal });
      return { rows: fires, nextCursor };
    },
    { topics: ["schedules"], ids: [scheduleId], everyMs: JOBS_EVERY_MS, keyOf: (fire) => fire.fireId },
  );
  return (
    <Card title="History" isFlush>
      <PagedTable
        label="Fires so far"
        pages={list}
        columns={columns}
        keyOf={(fire) => fire.fireId}
        empty={<p class="body quiet">It has not fired yet.</p>}
      />
    </Card>
  );
}

const columns: Column<ScheduleFire>[] = [
  {
    name: "Due",
    cell: (fire) => (
      <span>
        <When at={fire.dueAt} />{" "}
        <span class="quiet">
          <Ago at={fire.dueAt} />
        </span>
      </span>
    ),
  },
  { name: "Fired by", cell: ({ trigger }) => (trigger === "manual" ? "a person" : "the clock") },
  { name: "Outcome", cell: (fire) => <Outcome fire={fire} /> },
  {
    name: "Why",
    cell: (fire) => {
      const why = reasonOf(fire);
      const word = reasonWord(fire);
      if (why === undefined) return null;
      return (
        <span class="why-skipped">
          {word !== undefined && <strong>{word}: </strong>}
          {why}
        </span>
      );
    },
  },
];
