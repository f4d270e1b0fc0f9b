import { useState } from "preact/hooks";
import type { ApiKey } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { mayI } from "../../api/whoami.ts";
import { Card, Chip, Code, Empty } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm, Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Form, numberOf, textOf } from "../../ui/form.tsx";
import { PagedTable } from "../../ui/list.tsx";
import type { Column } from "../../ui/table.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";

const DAY_SECONDS = 86_400;
const ROLES = ["member", "viewer", "admin", "owner"] as const;

/** Keys with which programs act as their person. */
export function ApiKeys() {
  const [isMaking, setIsMaking] = useState(false);
  const [all, setAll] = useState(false);
  const pages = usePages(
    `api-keys ${all}`,
    async (cursor) => {
      const { apiKeys, nextCursor } = await compute.client.call("api-keys.list", { all, cursor });
      return { rows: apiKeys, nextCursor };
    },
    { topics: ["apiKeys"], keyOf: ({ apiKeyId }) => apiKeyId },
  );
  const revoke = async ({ apiKeyId, name }: ApiKey) => {
    const text = (
      <p>
        The next call with <strong>{name}</strong> is refused by every server. Jobs that it submitted go on.
      </p>
    );
    if (!(await confirm({ title: "Revoke this API key?", text, yes: "Revoke the key", isBad: true }))) return;
    await compute.apiKeys.revoke(apiKeyId);
    toast(`${name} is revoked.`);
    pages.refresh();
  };
  const actions = (
    <>
      {mayI("api-keys.change-others") && (
        <label class="choice">
          <input type="checkbox" checked={all} onChange={(event) => setAll(event.currentTarget.checked)} />
          Everybody's
        </label>
      )}
      <Button look="main" icon="plus" onClick={() => setIsMaking(true)}>
        New API key
      </Button>
    </>
  );
  return (
    <Card title="API keys" actions={actions} isFlush>
      <PagedTable
        label="API keys"
        pages={pages}
        columns={columnsOf(revoke)}
        keyOf={({ apiKeyId }) => apiKeyId}
        empty={
          <Empty icon="key" title="No API keys">
            <p class="quiet">
              A script that runs on another machine signs in with an API key: it sends it as{" "}
              <code>X-API-Key</code>, or sets <code>TANVRIT_API_KEY</code> for the command line.
            </p>
          </Empty>
        }
      />
      {isMaking && <NewKey onClose={() => setIsMaking(false)} onMade={pages.refresh} />}
    </Card>
  );
}

function columnsOf(revoke: (key: ApiKey) => Promise<void>): Column<ApiKey>[] {
  return [
    { name: "Name", cell: ({ name }) => <strong>{name}</strong> },
    { name: "Id", cell: ({ apiKeyId }) => <code>{apiKeyId}</code> },
    {
      name: "Acts as",
      cell: ({ userName, role, readOnly }) => `${userName}, ${readOnly ? "read-only" : role}`,
    },
    { name: "Limits", cell: (key) => <Limits of={key} /> },
    { name: "Last used", cell: ({ lastUsedAt }) => (lastUsedAt ? <Ago at={lastUsedAt} /> : "never") },
    { name: "Expires", cell: ({ expiresAt }) => (expiresAt ? <Ago at={expiresAt} /> : "never") },
    {
      name: "Actions",
      isUnnamed: true,
      atEnd: true,
      cell: (key) => (
        <Button look="bad" onClick={() => revoke(key)} label={`Revoke ${key.name}`}>
          Revoke
        </Button>
      ),
    },
  ];
}

function Limits({ of: { maxJobsPerHour, maxConcurrent, allowedJobTypes = [] } }: { of: ApiKey }) {
  const limits = [
    ...(maxJobsPerHour === undefined ? [] : [`${maxJobsPerHour} jobs an hour`]),
    ...(maxConcurrent === undefined ? [] : [`${maxConcurrent} at once`]),
    ...allowedJobTypes,
  ];
  if (limits.length === 0) return <span class="quiet">none</span>;
  return (
    <span class="row wrap">
      {limits.map((limit) => (
        <Chip key={limit}>{limit}</Chip>
      ))}
    </span>
  );
}

function NewKey({ onClose, onMade }: { onClose(): void; onMade(): void }) {
  const [made, setMade] = useState<{ name: string; key: string }>();
  const send = async (fields: FormData) => {
    const days = numberOf(fields, "days");
    const role = textOf(fields, "role") as (typeof ROLES)[number] | undefined;
    const key = await compute.apiKeys.create({
      name: textOf(fields, "name") ?? "",
      readOnly: fields.get("readOnly") !== null,
      ...(role && { role }),
      ...(days !== undefined && { expiresInSeconds: Math.round(days * DAY_SECONDS) }),
      ...optional("maxJobsPerHour", numberOf(fields, "maxJobsPerHour")),
      ...optional("maxConcurrent", numberOf(fields, "maxConcurrent")),
    });
    setMade(key);
    onMade();
  };
  if (made) {
    return (
      <Dialog title={`The API key ${made.name}`} onClose={onClose}>
        <div class="stack">
          <p>Copy it now: nobody can see it again, not even you.</p>
          <Code text={made.key} label="Copy the key" />
          <p class="quiet">Try it:</p>
          <Code text={`export TANVRIT_API_KEY=…\ntanvrit-compute job list --url ${location.origin}`} />
          <div class="actions">
            <Button look="main" onClick={onClose}>
              I have copied it
            </Button>
          </div>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="New API key" onClose={onClose}>
      <Form yes="Make the key" onSend={send} onLeave={onClose}>
        <Field label="Name" hint="For example the script that uses it">
          {(tied) => <input {...tied} name="name" required maxLength={64} autoFocus autocomplete="off" />}
        </Field>
        <Field label="Role" hint="Never more than you may do yourself">
          {(tied) => (
            <select {...tied} name="role">
              <option value="">As mine</option>
              {ROLES.map((role) => (
                <option key={role}>{role}</option>
              ))}
            </select>
          )}
        </Field>
        <Field label="Expires after (days)" hint="Empty: it does not expire">
          {(tied) => <input {...tied} name="days" type="number" min={1} max={3_660} value={90} />}
        </Field>
        <div class="columns">
          <Field label="Most jobs an hour">
            {(tied) => <input {...tied} name="maxJobsPerHour" type="number" min={1} max={1_000_000} />}
          </Field>
          <Field label="Most jobs at once">
            {(tied) => <input {...tied} name="maxConcurrent" type="number" min={1} max={1_000_000} />}
          </Field>
        </div>
        <label class="choice">
          <input type="checkbox" name="readOnly" />
          Read-only: it sees everything and changes nothing
        </label>
      </Form>
    </Dialog>
  );
}

function optional<Name extends string, Value>(name: Name, value: Value | undefined) {
  return value === undefined ? {} : ({ [name]: value } as Record<Name, Value>);
}
