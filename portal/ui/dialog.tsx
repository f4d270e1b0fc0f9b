import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "./button.tsx";

interface DialogProps {
  title: string;
  children: ComponentChildren;
  /** As wide as the page allows. */
  isWide?: boolean;
  /** A press beside it does not close it: it shows something that is shown only once. */
  isKept?: boolean;
  /** Called when it is closed: by Escape, a press beside it, or the page. */
  onClose(): void;
}

/** The browser's own modal dialog: it keeps the focus, and Escape closes it. It is shown while it is rendered. */
export function Dialog({ title, children, isWide = false, isKept = false, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => dialog.current?.showModal(), []);
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: Escape closes it
    <dialog
      ref={dialog}
      class={isWide ? "wide" : ""}
      aria-labelledby={id}
      onClose={onClose}
      onClick={(event) => !isKept && event.target === event.currentTarget && event.currentTarget.close()}
    >
      <h2 id={id}>{title}</h2>
      {children}
    </dialog>
  );
}

interface Question {
  title: string;
  text: ComponentChildren;
  /** The word on the button that does it, such as "Cancel 3 jobs". */
  yes: string;
  no?: string;
  isBad?: boolean;
}

const asked = signal<(Question & { answer(yes: boolean): void }) | undefined>(undefined);

/** Asks before something that cannot be taken back. */
export function confirm(question: Question): Promise<boolean> {
  asked.value?.answer(false);
  return new Promise((answer) => {
    asked.value = { ...question, answer };
  });
}

/** Where `confirm` shows its questions. */
export function Questions() {
  const question = asked.value;
  if (!question) return null;
  const close = (yes: boolean) => {
    asked.value = undefined;
    question.answer(yes);
  };
  return (
    <Dialog title={question.title} onClose={() => close(false)}>
      <div>{question.text}</div>
      <div class="actions">
        <Button onClick={() => close(false)}>{question.no ?? "Keep"}</Button>
        <Button look={question.isBad ? "bad" : "main"} onClick={() => close(true)} autoFocus>
          {question.yes}
        </Button>
      </div>
    </Dialog>
  );
}
