import { signal, useComputed, useSignal } from "@preact/signals";
import { agoText, durationText } from "./duration.ts";
import { lazily } from "./lazily.ts";

/** Epoch milliseconds; moves on once a second while the tab is shown, so that ages count up. */
export const nowMs = signal(Date.now());
setInterval(() => {
  if (!document.hidden) nowMs.value = Date.now();
}, 1_000);

const wholeFormat = lazily(
  () => new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" }),
);
const dayFormat = lazily(() => new Intl.DateTimeFormat(undefined, { dateStyle: "medium" }));
const MONTH_MS = 30 * 86_400_000;

/** A moment: how long ago, or how soon; the whole date on hover. `at` is an ISO time. */
export function Ago({ at }: { at: string }) {
  const ms = useLatest(Date.parse(at));
  // A list has many of them: each second, only those whose words change are touched.
  const text = useComputed(() => momentText(ms.value - nowMs.value, ms.value));
  return (
    <time
      dateTime={at}
      class="number"
      onPointerEnter={(event) => {
        event.currentTarget.title = wholeFormat().format(ms.value);
      }}
    >
      {text}
    </time>
  );
}

/** A moment with its whole date. */
export function When({ at }: { at: string }) {
  return (
    <time dateTime={at} class="number">
      {wholeFormat().format(Date.parse(at))}
    </time>
  );
}

/** How long something took, or has been taking. ISO times; without `until` it goes on. */
export function Took({ since, until }: { since: string; until?: string | undefined }) {
  const sinceMs = useLatest(Date.parse(since));
  const untilMs = useLatest(until === undefined ? undefined : Date.parse(until));
  const text = useComputed(() => durationText((untilMs.value ?? nowMs.value) - sinceMs.value));
  return <span class="number">{text}</span>;
}

/** A value of the last rendering, for what is computed from it. */
function useLatest<T>(value: T): { readonly value: T } {
  const latest = useSignal(value);
  latest.value = value;
  return latest;
}

function momentText(distanceMs: number, ms: number): string {
  return Math.abs(distanceMs) > MONTH_MS ? dayFormat().format(ms) : agoText(distanceMs);
}
