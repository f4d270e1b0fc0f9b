import { useComputed } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Button } from "../ui/button.tsx";
import { numberText } from "../ui/counted.ts";
import { rangeIn } from "./anchor.ts";
import { Announcer } from "./announcer.tsx";
import { onKey } from "./keys.ts";
import { LogModel } from "./model.ts";
import { SelectionBar } from "./selection-bar.tsx";
import type { LogSource } from "./source.ts";
import { textOfLines } from "./text-of-lines.ts";
import { Ticks } from "./ticks.tsx";
import { Toolbar } from "./toolbar.tsx";

export interface LogViewProps {
  source: LogSource;
  /** Opens the log again, whole and without following: from its start, or after the event with this id. */
  reopen?: (after: string | undefined) => LogSource;
  /** The name of the file that a download becomes. */
  fileName?: string;
  /** What the log is of, for screen readers. */
  label?: string;
}

/**
 * Shows a log as it comes: a million lines in a bounded number of elements. Lines in the fragment of the URL, such as `#L12`
 * or `#L12-L40`, are selected and shown.
 */
export function LogView({ source, reopen, fileName = "log.txt", label = "Log" }: LogViewProps) {
  const model = useMemo(() => new LogModel({ source, reopen, goTo: rangeIn(location.hash) }), [source]);
  const section = useRef<HTMLElement>(null);
  const scroller = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLDivElement>(null);
  const searchField = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (!scroller.current || !canvas.current) return undefined;
    // It is scrolled with keys, too.
    scroller.current.tabIndex = 0;
    scroller.current.addEventListener("click", clicked(model));
    model.mount(scroller.current, canvas.current);
    void model.read();
    const onHash = () => {
      const range = rangeIn(location.hash);
      if (range) model.goToRange(range);
    };
    const keys = (event: KeyboardEvent) => {
      if (event.defaultPrevented || !section.current || !searchField.current) return;
      const targets = { model, section: section.current, searchField: searchField.current };
      if (onKey(event, { ...targets, copy: () => void copySelected(model) })) event.preventDefault();
    };
    addEventListener("hashchange", onHash);
    document.addEventListener("keydown", keys);
    return () => {
      removeEventListener("hashchange", onHash);
      document.removeEventListener("keydown", keys);
      model.close();
    };
  }, [model]);
  const wrapped = useComputed(() => `log-scroller${model.preferences.value.wrap ? " log-wrapped" : ""}`);
  return (
    <section class="log" aria-label={label} ref={section}>
      <Toolbar model={model} reopen={reopen} fileName={fileName} searchField={searchField} />
      <Notice model={model} />
      <div class="log-frame">
        <div class={wrapped} ref={scroller} role="log" aria-live="off" aria-label={label}>
          <div class="log-canvas" ref={canvas} />
        </div>
        <Ticks model={model} />
        <JumpButton model={model} />
        <Empty model={model} />
      </div>
      <SelectionBar model={model} copy={() => copySelected(model)} />
      <Announcer model={model} />
    </section>
  );
}

/** One listener for all rows: their buttons say in `data-do` what they do. */
function clicked(model: LogModel) {
  return (event: MouseEvent) => {
    if (!(event.target instanceof Element)) return;
    const line = Number(event.target.closest<HTMLElement>(".log-row")?.dataset.line);
    if (!Number.isInteger(line)) return;
    const number = event.target.closest(".log-number");
    const what = event.target.closest<HTMLElement>("[data-do]")?.dataset.do;
    if (what === "fold") model.toggleGroup(line);
    else if (what === "whole") model.showWhole(line);
    else if (what === "fill") void model.fill(line);
    else if (number && !event.ctrlKey && !event.metaKey) {
      event.preventDefault();
      model.select(line, event.shiftKey);
      const { pathname, search } = location;
      history.replaceState(history.state, "", `${pathname}${search}${model.selectedHash}`);
      if (event.shiftKey) getSelection()?.removeAllRanges();
    }
  };
}

async function copySelected(model: LogModel): Promise<void> {
  const selected = model.selected.value;
  if (selected)
    await navigator.clipboard.writeText(textOfLines(model.intake.store, selected.from, selected.to));
}

/** What is wrong at the moment. */
function Notice({ model }: { model: LogModel }) {
  const { trouble, dropped } = model;
  return (
    <>
      {trouble.value !== "" && (
        <p class="log-notice" role="status">
          {trouble.value}
        </p>
      )}
      {dropped.value > 0 && (
        <p class="log-notice">
          The first {numberText(dropped.value)} lines no longer fit on this page. Download the log to have all
          of it.
        </p>
      )}
    </>
  );
}

function JumpButton({ model }: { model: LogModel }) {
  const { following, newLines, lines } = model;
  if (following.value || lines.value === 0) return null;
  const news = newLines.value === 0 ? "" : ` · ${numberText(newLines.value)} new`;
  const jump = () => {
    if (model.state.value === "live") model.follow(true);
    model.viewport?.scrollToEnd();
  };
  return (
    <Button class="log-jump" icon="chevronDown" onClick={jump}>
      Jump to the end{news}
    </Button>
  );
}

/** By the status of the job; before it is known, the log is on its way. */
const WAITING: Readonly<Record<string, string>> = {
  "": "Loading the log…",
  QUEUED: "The job has not started yet. Its output appears here.",
};

function Empty({ model }: { model: LogModel }) {
  if (model.lines.value > 0) return null;
  const { state, status } = model;
  if (state.value === "broken") return null;
  if (state.value === "over") return <p class="log-empty">The job wrote nothing.</p>;
  const waiting = WAITING[status.value] ?? "No output yet.";
  return (
    <p class="log-empty" aria-busy={status.value === ""}>
      {waiting}
    </p>
  );
}
