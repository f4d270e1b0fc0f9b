import { useState } from "preact/hooks";
import type { SecretFacts } from "../../../sdk/index.ts";
import { compute } from "../../api/session.ts";
import { usePages } from "../../api/use-pages.ts";
import { mayI } from "../../api/whoami.ts";
import { Card, Empty } from "../../ui/blocks.tsx";
import { Button } from "../../ui/button.tsx";
import { confirm, Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Form, numberOf, textOf } from "../../ui/form.tsx";
import { PagedTable } from "../../ui/list.tsx";
import { Ago } from "../../ui/time.tsx";
import { toast } from "../../ui/toast.tsx";

const DAY_SECONDS = 86_400;

/** Values that jobs get by name, and that nobody can read back. */
export function Secrets() {
  const [setting, setSetting] = useState<{ name: string }>();
  const mayChange = mayI("secrets.change");
  const pages = usePages(
    "secrets",
    async (cursor) => {
      const { secrets, nextCursor } = await compute.client.call("secrets.list", { cursor });
      return { rows: secrets, nextCursor };
    },
    { topics: ["secrets"], keyOf: ({ name }) => name },
  );
  const remove = async ({ name }: SecretFacts) => {
    const text = (
      <p>
        Jobs that name <strong>{name}</strong> no longer start. It can be brought back from the trash for 30
        days.
      </p>
    );
    if (!(await confirm({ title: "Delete this secret?", text, yes: "Delete", isBad: true }))) return;
    await compute.secrets.delete([name]);
    toast(`${name} is in the trash.`);
    pages.refresh();
  };
  const columns = [
    { name: "Name", cell: ({ name }: SecretFacts) => <code>{name}</code> },
    { name: "Version", cell: ({ version }: SecretFacts) => version },
    { name: "Set", cell: ({ updatedAt }: SecretFacts) => <Ago at={updatedAt} /> },
    { name: "By", cell: ({ updatedBy }: SecretFacts) => updatedBy },
    { name: "Expires", cell: ({ expiresAt }: SecretFacts) => (expiresAt ? <Ago at={expiresAt} /> : "never") },
    {
      name: "Actions",
      isUnnamed: true,
      atEnd: true,
      cell: (secret: SecretFacts) =>
        mayChange && (
          <span class="row">
            <Button onClick={() => setSetting(secret)} label={`New value of ${secret.name}`}>
              New value
            </Button>
            <Button look="bad" onClick={() => remove(secret)} label={`Delete ${secret.name}`}>
              Delete
            </Button>
          </span>
        ),
    },
  ];
  const actions = mayChange && (
    <Button look="main" icon="plus" onClick={() => setSetting({ name: "" })}>
      New secret
    </Button>
  );
  return (
    <Card title="Secrets" actions={actions} isFlush>
      <PagedTable
        label="Secrets"
        pages={pages}
        columns={columns}
        keyOf={({ name }) => name}
        empty={
          <Empty icon="shield" title="No secrets">
            <p class="quiet">
              A job gets a secret by its name, as a variable (<code>--secret-env TOKEN=deploy-token</code>) or
              as a file. Its value is encrypted, is never shown, and is masked in logs.
            </p>
          </Empty>
        }
      />
      {setting && <SetSecret of={setting.name} onClose={() => setSetting(undefined)} onSet={pages.refresh} />}
    </Card>
  );
}

function SetSecret({ of, onClose, onSet }: { of: string; onClose(): void; onSet(): void }) {
  const send = async (fields: FormData) => {
    const name = of || (textOf(fields, "name") ?? "");
    const days = numberOf(fields, "days");
    const options = days === undefined ? {} : { ttlSeconds: Math.round(days * DAY_SECONDS) };
    // Spaces and newlines at its ends may belong to it.
    await compute.secrets.set(name, String(fields.get("value") ?? "").replaceAll("\r\n", "\n"), options);
    toast(`${name} is set.`);
    onSet();
    onClose();
  };
  return (
    <Dialog title={of ? `A new value of ${of}` : "New secret"} onClose={onClose}>
      <Form yes="Set the secret" onSend={send} onLeave={onClose}>
        {of === "" && (
          <Field label="Name" hint="Jobs name it, for example deploy-token">
            {(tied) => (
              <input {...tied} name="name" required autoFocus autocomplete="off" spellcheck={false} />
            )}
          </Field>
        )}
        <Field label="Value" hint="Up to 64 KiB. Nobody can read it back.">
          {(tied) => (
            <textarea
              {...tied}
              name="value"
              required
              rows={4}
              autocomplete="off"
              spellcheck={false}
              class="hidden-value"
            />
          )}
        </Field>
        <Field label="Remove it after (days)" hint="Empty: it stays">
          {(tied) => <input {...tied} name="days" type="number" min={1} max={365} />}
        </Field>
      </Form>
    </Dialog>
  );
}
