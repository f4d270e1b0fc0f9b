import type { LogModel } from "./model.ts";

export interface KeyTargets {
  model: LogModel;
  section: HTMLElement;
  searchField: HTMLInputElement;
  copy(): void;
}

/** What a key does while a log is on the page. Returns whether it did something. */
export function onKey(event: KeyboardEvent, { model, section, searchField, copy }: KeyTargets): boolean {
  const isInLog = event.target instanceof Node && section.contains(event.target);
  const isCommand = event.ctrlKey || event.metaKey;
  // In the field itself, the browser's own search is one more press away.
  if (isCommand && event.key === "f" && isInLog && event.target !== searchField) return focus(searchField);
  if (event.key === "F3" || (isCommand && event.key === "g" && isInLog)) {
    if (model.search.found.value === 0) return false;
    model.search.move(event.shiftKey ? -1 : 1);
    return true;
  }
  if (
    isCommand &&
    event.key === "c" &&
    isInLog &&
    getSelection()?.isCollapsed !== false &&
    model.selected.value
  ) {
    if (isTyping(event)) return false;
    copy();
    return true;
  }
  if (isCommand || event.altKey || isTyping(event) || document.querySelector("dialog[open]")) return false;
  if (event.key === "/") return focus(searchField);
  if (event.key === "f") {
    model.follow(!model.following.value);
    return true;
  }
  if (event.key === "G" || (event.key === "End" && isInLog)) {
    model.viewport?.scrollToEnd();
    if (model.state.value === "live") model.follow(true);
    return true;
  }
  if (event.key === "g" || (event.key === "Home" && isInLog)) {
    model.follow(false);
    model.viewport?.scrollToStart();
    return true;
  }
  if (event.key === "Escape" && isInLog && model.selected.value) {
    model.clearSelection();
    return true;
  }
  return false;
}

function focus(field: HTMLInputElement): true {
  field.focus();
  field.select();
  return true;
}

function isTyping({ target }: KeyboardEvent): boolean {
  return (
    target instanceof HTMLElement &&
    (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
