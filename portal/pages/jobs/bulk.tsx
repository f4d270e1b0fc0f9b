import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Job } from "../../../sdk/index.ts";
import { changed } from "../../api/live.ts";
import { Button } from "../../ui/button.tsx";
import { Icon, type IconName } from "../../ui/icon.tsx";
import { toast } from "../../ui/toast.tsx";
import { type BulkAction, type BulkWork, changeMatching, changeSelected } from "./bulk-work.tsx";
import type { JobQuery } from "./query.ts";
import { eligible, nothingSelected, type Selection } from "./selection.ts";

interface BulkBarProps {
  query: JobQuery;
  rows: readonly Job[];
  /** There are more jobs that match than are shown. */
  hasMore: boolean;
  selection: Selection;
  onSelect(selection: Selection): void;
}

const ACTIONS: readonly { action: BulkAction; icon: IconName; text: string; doing: string }[] = [
  { action: "cancel", icon: "ban", text: "Cancel", doing: "Cancelling" },
  { action: "retry", icon: "retry", text: "Retry", doing: "Retrying" },
  { action: "delete", icon: "trash", text: "Delete", doing: "Deleting" },
];

/** What can be done with the jobs that are selected. While it works it says how far it is, and can be stopped. */
export function BulkBar({ query, rows, hasMore, selection, onSelect }: BulkBarProps) {
  const work = useSignal<{ doing: string; done: number; of: number | undefined } | undefined>(undefined);
  const stop = useRef<AbortController | undefined>(undefined);
  useEffect(() => () => stop.current?.abort(), []);
  const jobs = rows.filter(({ jobId }) => selection.ids.has(jobId));
  const can = eligible(jobs);
  if (jobs.length === 0 && !work.value) return null;

  const start = async (action: BulkAction, doing: string) => {
    const ending = new AbortController();
    const bulk: BulkWork = {
      signal: ending.signal,
      onStart: (of) => {
        stop.current = ending;
        work.value = { doing, done: 0, of };
      },
      onProgress: (done) => {
        work.value = work.value && { ...work.value, done };
      },
    };
    try {
      const said = selection.all
        ? await changeMatching(action, query, bulk)
        : await changeSelected(action, can[action], bulk);
      if (said === undefined) return;
      toast(said);
      onSelect(nothingSelected);
    } finally {
      work.value = undefined;
      stop.current = undefined;
      changed("jobs");
    }
  };
  return (
    <section class="bulk" aria-label="Selected jobs">
      {work.value ? (
        <Working {...work.value} onStop={() => stop.current?.abort()} />
      ) : (
        <>
          <p role="status">
            {selection.all ? "All jobs that match are selected." : `${jobs.length} selected.`}
          </p>
          {hasMore && !selection.all && rows.length === jobs.length && (
            <Button look="plain" onClick={() => onSelect({ ...selection, all: true })}>
              Select all that match
            </Button>
          )}
          <span class="row wrap">
            {ACTIONS.map(({ action, icon, text, doing }) => (
              <Button
                key={action}
                icon={icon}
                {...(action !== "retry" && { look: "bad" })}
                disabled={!selection.all && can[action].length === 0}
                onClick={() => start(action, doing)}
              >
                {selection.all ? `${text} all` : `${text} ${can[action].length}`}
              </Button>
            ))}
            <Button look="plain" icon="x" label="Select nothing" onClick={() => onSelect(nothingSelected)} />
          </span>
        </>
      )}
    </section>
  );
}

function Working(props: { doing: string; done: number; of: number | undefined; onStop(): void }) {
  const { doing, done, of, onStop } = props;
  const text = `${doing}: ${done.toLocaleString("en")}${of === undefined ? "" : ` of ${of.toLocaleString("en")}`}`;
  return (
    <>
      <p class="row" role="status">
        <Icon name="loader" class="turning" />
        <span class="number">{text}</span>
      </p>
      <progress value={done} max={of} aria-label={text} />
      <Button onClick={onStop}>Stop</Button>
    </>
  );
}
