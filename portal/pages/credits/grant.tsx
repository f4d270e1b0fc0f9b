import { useState } from "preact/hooks";
import { formatUsd, parseUsd } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { compute } from "../../api/session.ts";
import { useData } from "../../api/use-data.ts";
import { me } from "../../api/whoami.ts";
import { Trouble } from "../../ui/blocks.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Field } from "../../ui/field.tsx";
import { Form, textOf } from "../../ui/form.tsx";
import { toast } from "../../ui/toast.tsx";

const MAX_MEMBERS = 500;

/** An owner gives a person credit that does not expire. */
export function Grant({ onClose }: { onClose(): void }) {
  const [amount, setAmount] = useState("");
  // Sent again after an error, the same grant must not be given twice.
  const [idempotencyKey] = useState(() => crypto.randomUUID());
  const { value, error, refresh } = useData("people to grant", (signal) =>
    compute.client.call("members.list", { limit: MAX_MEMBERS }, { signal }),
  );
  const amountMicroUsd = parseUsd(amount);
  const isWrong = amount.trim() !== "" && (amountMicroUsd === undefined || amountMicroUsd === 0);
  const send = async (fields: FormData) => {
    const user = textOf(fields, "user") ?? "";
    if (!amountMicroUsd) throw new Error("The amount is missing. Write it like 12.50");
    const grant = { user, amountMicroUsd, reason: textOf(fields, "reason") ?? "" };
    await compute.credits.grant(grant, { idempotencyKey, awayMs: 0 });
    changed("credits");
    const name = value?.members.find(({ userId }) => userId === user)?.userName ?? user;
    toast(`${name} has ${formatUsd(amountMicroUsd)} more.`);
    onClose();
  };
  return (
    <Dialog title="Grant credit" onClose={onClose}>
      {error !== undefined && <Trouble error={error} onRetry={refresh} />}
      <Form yes="Grant" onSend={send} onLeave={onClose}>
        <Field label="Who gets it">
          {(tied) => (
            <select {...tied} name="user" required defaultValue={me.value?.userId}>
              {(value?.members ?? []).map(({ userId, userName }) => (
                <option key={userId} value={userId} selected={userId === me.value?.userId}>
                  {userName}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Field
          label="Amount in US dollars"
          problem={isWrong ? "An amount like 12.50, with at most six decimal places." : undefined}
          hint="It does not expire with the month."
        >
          {(tied) => (
            <input
              {...tied}
              required
              inputMode="decimal"
              placeholder="12.50"
              autocomplete="off"
              value={amount}
              onInput={(event) => setAmount(event.currentTarget.value)}
            />
          )}
        </Field>
        <Field label="Reason" hint="The person sees it in the ledger.">
          {(tied) => <input {...tied} name="reason" required maxLength={500} autocomplete="off" />}
        </Field>
      </Form>
    </Dialog>
  );
}
