import { useState } from "preact/hooks";
import type { AuditEntry } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { Card, Empty } from "../../ui/blocks.tsx";
import { Field } from "../../ui/field.tsx";
import { PagedTable } from "../../ui/list.tsx";
import { When } from "../../ui/time.tsx";

/** Who changed what, and who signed in. */
export function Audit() {
  const [event, setEvent] = useState("");
  const pages = usePages(
    `audit ${event}`,
    async (cursor) => {
      const where = event === "" ? {} : { event };
      const { entries, nextCursor } = await compute.client.call("audit.list", { cursor, ...where });
      return { rows: entries, nextCursor };
    },
    { keyOf: ({ seq }) => String(seq), everyMs: 15_000 },
  );
  const seen = [...new Set((pages.rows ?? []).map((entry) => entry.event))].sort();
  const columns = [
    { name: "What", cell: (entry: AuditEntry) => <What entry={entry} /> },
    { name: "Who", cell: ({ actor }: AuditEntry) => whoOf(actor) },
    { name: "From", cell: ({ from }: AuditEntry) => <span class="number">{from ?? "–"}</span> },
    { name: "When", cell: ({ at }: AuditEntry) => <When at={at} /> },
  ];
  return (
    <Card title="Audit log" isFlush>
      <div class="body">
        <Field label="Only this event" hint="As it stands in the list, for example: signed in">
          {(tied) => (
            <input
              {...tied}
              type="search"
              list="audit-events"
              value={event}
              onChange={(change) => setEvent(change.currentTarget.value.trim())}
            />
          )}
        </Field>
        <datalist id="audit-events">
          {seen.map((one) => (
            <option key={one} value={one} />
          ))}
        </datalist>
      </div>
      <PagedTable
        label="Audit log"
        pages={pages}
        columns={columns}
        keyOf={({ seq }) => String(seq)}
        empty={<Empty icon="shield" title={event === "" ? "Nothing happened yet" : "No such event"} />}
      />
    </Card>
  );
}

function What({ entry }: { entry: AuditEntry }) {
  const { seq, event, of, before, after, hash } = entry;
  const details = { of, before, after, hash };
  return (
    <details>
      <summary>
        <strong>{event}</strong> <span class="quiet number">#{seq}</span>
      </summary>
      <pre class="wrapped">{JSON.stringify(details, null, 2)}</pre>
    </details>
  );
}

function whoOf({ kind, userName, userId, keyId, nodeId, enrolmentId }: AuditEntry["actor"]): string {
  if (kind === "server") return "the server";
  const who = userName ?? userId ?? nodeId ?? enrolmentId ?? "somebody unknown";
  return keyId === undefined ? who : `${who}, with ${keyId}`;
}
