import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { tinykeys } from "tinykeys";
import { Button } from "./button.tsx";
import { Dialog } from "./dialog.tsx";

export interface KeyAction {
  /** As tinykeys writes it: `j`, `g j`, `Shift+?`. */
  keys: string;
  /** What it does, such as "Next job". */
  does: string;
  act(event: KeyboardEvent): void;
}

interface Group {
  name: string;
  actions: readonly KeyAction[];
}

const groups = signal<readonly Group[]>([]);
const isShown = signal(false);

/** Keys that work while this component is shown, except in a field or a dialog. `?` lists them under `name`. */
export function useKeys(name: string, actions: readonly KeyAction[]): void {
  const latest = useRef(actions);
  latest.current = actions;
  const all = actions.map(({ keys }) => keys).join(",");
  useEffect(() => {
    const group: Group = { name, actions: latest.current };
    groups.value = [...groups.value, group];
    const bindings = Object.fromEntries(
      latest.current.map(({ keys }, i) => [
        keys,
        (event: KeyboardEvent) => {
          if (isElsewhere(event) || (!keys.includes(" ") && isAfterPrefix(event))) return;
          event.preventDefault();
          latest.current[i]?.act(event);
        },
      ]),
    );
    const end = tinykeys(window, bindings);
    return () => {
      end();
      groups.value = groups.value.filter((one) => one !== group);
    };
  }, [name, all]);
}

export function showKeys(): void {
  isShown.value = true;
}

/** The list of keys, after `?`. */
export function KeyboardShortcuts() {
  useKeys("Everywhere", [{ keys: "Shift+?", does: "Show these keys", act: showKeys }]);
  if (!isShown.value) return null;
  const close = () => {
    isShown.value = false;
  };
  return (
    <Dialog title="Keyboard shortcuts" onClose={close}>
      <div class="keys">
        {byName(groups.value).map(({ name, actions }) => (
          <section key={name}>
            <h3>{name}</h3>
            <dl>
              {actions.map(({ keys, does }) => (
                <div key={keys} class="row apart">
                  <dt>{does}</dt>
                  <dd>
                    <Keys of={keys} />
                  </dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <div class="actions">
        <Button onClick={close} autoFocus>
          Close
        </Button>
      </div>
    </Dialog>
  );
}

function Keys({ of }: { of: string }) {
  return (
    <span class="row">
      {of.split(" ").map((press, i) => (
        <kbd key={`${i}${press}`}>{SIGNS[press] ?? press}</kbd>
      ))}
    </span>
  );
}

const SIGNS: Readonly<Record<string, string>> = { "Shift+?": "?", Escape: "Esc", "Shift+X": "Shift X" };

function byName(all: readonly Group[]): Group[] {
  const merged = new Map<string, KeyAction[]>();
  for (const { name, actions } of all) merged.set(name, [...(merged.get(name) ?? []), ...actions]);
  return [...merged].map(([name, actions]) => ({ name, actions }));
}

/** `g` and then another key is one shortcut, and not also that of the other key. */
const PREFIX = "g";
const PREFIX_MS = 1_000;
let before: KeyboardEvent | undefined;
let latestPress: KeyboardEvent | undefined;
window.addEventListener(
  "keydown",
  (event) => {
    before = latestPress;
    latestPress = event;
  },
  true,
);

function isAfterPrefix(event: KeyboardEvent): boolean {
  return before?.key === PREFIX && event.timeStamp - before.timeStamp < PREFIX_MS;
}

/** Somebody types, or a dialog is open: its keys are its own. */
function isElsewhere({ target }: KeyboardEvent): boolean {
  if (document.querySelector("dialog[open]")) return true;
  return (
    target instanceof HTMLElement &&
    target.matches("input:not([type=checkbox]), textarea, select, [contenteditable], [role=slider]")
  );
}
