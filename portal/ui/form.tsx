import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { Trouble } from "./blocks.tsx";
import { Button } from "./button.tsx";

interface FormProps {
  /** The word on the button that sends it. */
  yes: string;
  /** Sends it. What it throws is shown above the button, and what was filled in stays. */
  onSend(fields: FormData): Promise<unknown>;
  /** Absent: there is no button to leave it. */
  onLeave?: () => void;
  children: ComponentChildren;
}

/** Fields and the buttons below them. It is sent once at a time. */
export function Form({ yes, onSend, onLeave, children }: FormProps) {
  const [isBusy, setIsBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const fields = new FormData(event.currentTarget as HTMLFormElement);
    setIsBusy(true);
    setError(undefined);
    try {
      await onSend(fields);
    } catch (failure) {
      setError(failure);
    } finally {
      setIsBusy(false);
    }
  };
  return (
    <form class="stack" onSubmit={send} aria-busy={isBusy}>
      {children}
      {error !== undefined && <Trouble error={error} />}
      <div class="actions">
        {onLeave && <Button onClick={onLeave}>Leave</Button>}
        <Button look="main" type="submit" disabled={isBusy}>
          {yes}
        </Button>
      </div>
    </form>
  );
}

/** The text of a field, without spaces around it; undefined if it is empty. */
export function textOf(fields: FormData, name: string): string | undefined {
  const text = fields.get(name);
  return typeof text === "string" && text.trim() !== "" ? text.trim() : undefined;
}

/** The number in a field; undefined if it is empty. */
export function numberOf(fields: FormData, name: string): number | undefined {
  const text = textOf(fields, name);
  return text === undefined ? undefined : Number(text);
}
