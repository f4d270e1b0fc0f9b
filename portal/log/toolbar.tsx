import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { Button } from "../ui/button.tsx";
import { numberText } from "../ui/counted.ts";
import { Icon } from "../ui/icon.tsx";
import { placeIn } from "./anchor.ts";
import type { LogModel } from "./model.ts";
import { TIMES, type Times } from "./preferences.ts";
import type { LogSource } from "./source.ts";
import { fileOfLog, saveFile } from "./text-of-lines.ts";

export interface ToolbarProps {
  model: LogModel;
  reopen: ((after: string | undefined) => LogSource) | undefined;
  fileName: string;
  searchField: RefObject<HTMLInputElement | null>;
}

const TIMES_LABELS: Record<Times, string> = {
  none: "No times",
  clock: "Time of day",
  since: "Since the start",
};

export function Toolbar({ model, reopen, fileName, searchField }: ToolbarProps) {
  return (
    <div class="log-toolbar" role="toolbar" aria-label="Log">
      <SearchFields model={model} field={searchField} />
      <span class="log-count">{countText(model)}</span>
      <FollowButton model={model} />
      <ViewMenu model={model} />
      {reopen && <DownloadButton reopen={reopen} fileName={fileName} />}
    </div>
  );
}

function countText({ lines }: LogModel): string {
  return `${numberText(lines.value)} ${lines.value === 1 ? "line" : "lines"}`;
}

function SearchFields({ model, field }: { model: LogModel; field: RefObject<HTMLInputElement | null> }) {
  const { search } = model;
  const { query, found, position, mistake, searching } = search;
  // While somebody types, each search begins where the first one did.
  const from = useRef<number | undefined>(undefined);
  const start = (change: Partial<typeof query.value>) => {
    from.current ??= model.viewport?.visible.from ?? 0;
    search.start({ ...query.value, ...change }, from.current);
  };
  const move = (by: 1 | -1) => {
    from.current = undefined;
    search.move(by);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter") move(event.shiftKey ? -1 : 1);
    else if (event.key === "Escape") {
      start({ text: "" });
      field.current?.blur();
    } else return;
    event.preventDefault();
  };
  const has = query.value.text !== "";
  return (
    <search class="log-search">
      <Icon name="search" />
      <input
        ref={field}
        type="search"
        placeholder="Search the log"
        aria-label="Search the log"
        aria-invalid={mistake.value !== ""}
        spellcheck={false}
        autocomplete="off"
        value={query.value.text}
        onFocus={() => {
          from.current = undefined;
        }}
        onInput={(event) => start({ text: event.currentTarget.value })}
        onKeyDown={onKeyDown}
      />
      <Toggle
        label="Match case"
        short="Aa"
        on={query.value.matchCase}
        set={(matchCase) => start({ matchCase })}
      />
      <Toggle
        label="Regular expression"
        short=".*"
        on={query.value.regex}
        set={(regex) => start({ regex })}
      />
      <output class="log-found" title={mistake.value}>
        {has && foundText(mistake.value, position.value, found.value, searching.value)}
      </output>
      {has && (
        <>
          <Button
            look="plain"
            icon="chevronUp"
            label="Previous match (Shift+Enter)"
            disabled={found.value === 0}
            onClick={() => move(-1)}
          />
          <Button
            look="plain"
            icon="chevronDown"
            label="Next match (Enter)"
            disabled={found.value === 0}
            onClick={() => move(1)}
          />
        </>
      )}
    </search>
  );
}

function foundText(mistake: string, position: number, found: number, searching: boolean): string {
  if (mistake !== "") return "Not a valid expression";
  if (found === 0) return searching ? "Searching…" : "No matches";
  return `${numberText(position + 1)} of ${numberText(found)}${searching ? "…" : ""}`;
}

interface ToggleProps {
  label: string;
  short: string;
  on: boolean;
  set: (on: boolean) => void;
}

function Toggle({ label, short, on, set }: ToggleProps) {
  return (
    <button
      type="button"
      class="log-toggle"
      aria-pressed={on}
      aria-label={label}
      title={label}
      onClick={() => set(!on)}
    >
      {short}
    </button>
  );
}

function FollowButton({ model }: { model: LogModel }) {
  const { following, state } = model;
  if (state.value !== "live") return null;
  return (
    <Button
      class="log-follow"
      look="plain"
      icon={following.value ? "pause" : "play"}
      aria-pressed={following.value}
      title="Stay at the end as lines come (f)"
      onClick={() => model.follow(!following.value)}
    >
      {following.value ? "Following" : "Follow"}
    </Button>
  );
}

function ViewMenu({ model }: { model: LogModel }) {
  const { preferences, groups } = model;
  const id = useId();
  const anchor = useRef<HTMLSpanElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  useEffect(() => placeBelow(anchor.current, menu.current), []);
  const goTo = useSignal("");
  const go = (event: Event) => {
    event.preventDefault();
    const place = placeIn(goTo.value);
    if (!place) return;
    model.goToRange({ from: place, to: place });
    menu.current?.hidePopover();
  };
  return (
    <span ref={anchor}>
      <Button look="plain" icon="settings" popovertarget={id}>
        View
      </Button>
      <div id={id} class="log-menu" popover="auto" ref={menu}>
        <label>
          <input
            type="checkbox"
            checked={preferences.value.wrap}
            onChange={(event) => model.setPreferences({ wrap: event.currentTarget.checked })}
          />
          Wrap long lines
        </label>
        <fieldset>
          <legend>Times</legend>
          {TIMES.map((times) => (
            <label key={times}>
              <input
                type="radio"
                name="log-times"
                checked={preferences.value.times === times}
                onChange={() => model.setPreferences({ times })}
              />
              {TIMES_LABELS[times]}
            </label>
          ))}
        </fieldset>
        {groups.value > 0 && (
          <div class="log-menu-buttons">
            <Button onClick={() => model.foldAll(true)}>Fold all groups</Button>
            <Button onClick={() => model.foldAll(false)}>Unfold all</Button>
          </div>
        )}
        <form onSubmit={go}>
          <label>
            Go to line
            <input
              inputMode="numeric"
              placeholder="123"
              value={goTo.value}
              onInput={(event) => {
                goTo.value = event.currentTarget.value;
              }}
            />
          </label>
          <Button type="submit">Go</Button>
        </form>
      </div>
    </span>
  );
}

/** A popover stands in the corner of the window unless it is put somewhere. Returns what undoes it. */
function placeBelow(anchor: HTMLElement | null, menu: HTMLElement | null): () => void {
  const place = () => {
    if (!anchor || !menu) return;
    const { right, bottom } = anchor.getBoundingClientRect();
    menu.style.left = `${Math.max(4, Math.min(right - menu.offsetWidth, innerWidth - menu.offsetWidth - 4))}px`;
    menu.style.top = `${Math.max(4, Math.min(bottom + 4, innerHeight - menu.offsetHeight - 4))}px`;
  };
  menu?.addEventListener("toggle", place);
  return () => menu?.removeEventListener("toggle", place);
}

/** Downloads the whole log, also what this page does not have. A second press ends it. */
function DownloadButton({
  reopen,
  fileName,
}: Pick<ToolbarProps, "fileName"> & { reopen: (after: undefined) => LogSource }) {
  const running = useSignal<AbortController | undefined>(undefined);
  const text = useSignal("Download");
  const press = async () => {
    if (running.value) return running.value.abort();
    const controller = new AbortController();
    running.value = controller;
    text.value = "Cancel download";
    const show = (lines: number) => {
      text.value = `Cancel (${numberText(lines)} lines)`;
    };
    try {
      saveFile(await fileOfLog(reopen(undefined), show, controller.signal), fileName);
      text.value = "Download";
    } catch {
      // A click starts it again; the reason is the connection, of which the page says more.
      text.value = controller.signal.aborted ? "Download" : "Download failed. Try again";
    }
    running.value = undefined;
  };
  return (
    <button type="button" class="button plain log-download" onClick={() => void press()}>
      <Icon name="download" />
      <span class={running.value ? "" : "log-wide"}>{text.value}</span>
    </button>
  );
}
