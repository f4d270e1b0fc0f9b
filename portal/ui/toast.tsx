import { signal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { sayError } from "../api/errors.ts";
import { Icon } from "./icon.tsx";

interface Toast {
  id: number;
  text: ComponentChildren;
  isBad: boolean;
}

const GOOD_MS = 6_000;
const MAX_TOASTS = 4;
const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

/** Says for a few seconds that something worked. */
export function toast(text: ComponentChildren): void {
  const id = show(text, false);
  setTimeout(() => close(id), GOOD_MS);
}

/** Says why something failed, until the person closes it. */
export function sayInToast(error: unknown): void {
  const { title, detail } = sayError(error);
  show(
    <>
      <strong>{title}.</strong> {detail}
    </>,
    true,
  );
}

function show(text: ComponentChildren, isBad: boolean): number {
  const id = ++lastId;
  toasts.value = [...toasts.value, { id, text, isBad }].slice(-MAX_TOASTS);
  return id;
}

function close(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map(({ id, text, isBad }) => (
        <div key={id} class={`toast ${isBad ? "bad" : ""}`}>
          <Icon name={isBad ? "alert" : "circleCheck"} />
          <div>{text}</div>
          <button type="button" class="button plain icon-only" aria-label="Close" onClick={() => close(id)}>
            <Icon name="x" />
          </button>
        </div>
      ))}
    </div>
  );
}
