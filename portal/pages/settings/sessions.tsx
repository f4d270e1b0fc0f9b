import type { Session } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { Card, Chip, Trouble, Waiting } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm } from "../../ui/dialog.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";

const REFRESH_MS = 30_000;

/** The browsers and programs in which the person is signed in. */
export function Sessions() {
  const { value, error, isFirst, refresh } = useData(
    "sessions",
    (signal) => compute.sessions.list({ signal }),
    { everyMs: REFRESH_MS },
  );
  const end = async ({ sessionId, name, kind }: Session) => {
    const text =
      kind === "browser" ? (
        <p>
          Every tab of <strong>{name}</strong> is signed out.
        </p>
      ) : (
        <p>
          <strong>{name}</strong> can do nothing more, and nodes that were registered with it get no new jobs.
        </p>
      );
    if (!(await confirm({ title: "Sign it out?", text, yes: "Sign it out", isBad: true }))) return;
    await compute.sessions.end(sessionId);
    toast(`${name} is signed out.`);
    refresh();
  };
  return (
    <Card title="Your sessions" isFlush actions={<a href="/account">Password and passkeys</a>}>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      {isFirst && <Waiting label="Loading sessions" />}
      {value && (
        <Table
          label="Your sessions"
          columns={columnsOf(end)}
          rows={value}
          keyOf={({ sessionId }) => sessionId}
        />
      )}
    </Card>
  );
}

function columnsOf(end: (session: Session) => Promise<void>): Column<Session>[] {
  return [
    {
      name: "Where",
      cell: ({ name, kind, isCurrent }) => (
        <span class="row wrap">
          <strong>{name}</strong>
          <span class="quiet">{kind}</span>
          {isCurrent && <Chip>this one</Chip>}
        </span>
      ),
    },
    { name: "From", cell: ({ from }) => <span class="number">{from ?? "–"}</span> },
    { name: "Signed in", cell: ({ signedInAt }) => <Ago at={signedInAt} /> },
    { name: "Last used", cell: ({ lastUsedAt }) => <Ago at={lastUsedAt} /> },
    {
      name: "Actions",
      isUnnamed: true,
      atEnd: true,
      cell: (session) =>
        !session.isCurrent && (
          <Button look="bad" onClick={() => end(session)}>
            Sign out
          </Button>
        ),
    },
  ];
}
