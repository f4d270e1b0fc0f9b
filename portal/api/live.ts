import { signal } from "@preact/signals";

/** What a page shows, as far as the server says that it changed. */
export type Topic = "jobs" | "nodes" | "schedules" | "templates" | "credits" | "members" | "secrets";

/** `ids`: what changed; undefined: anything may have. */
type Listener = (ids: ReadonlySet<string> | undefined) => void;

/** How often pages ask by themselves while the server cannot tell them. */
const POLL_MS = 5_000;

/** `lost`: the connection broke and is being made again; pages may be out of date. */
export const connection = signal<"live" | "lost">("live");

const listeners = new Map<Topic, Set<Listener>>();

/** Calls `listener` when something of this kind changed, until the returned function is called. */
export function onChange(topic: Topic, listener: Listener): () => void {
  const set = listeners.get(topic) ?? new Set();
  listeners.set(topic, set.add(listener));
  return () => void set.delete(listener);
}

/** Tells every page that shows something of this kind. */
export function changed(topic: Topic, ids?: Iterable<string>): void {
  const set = ids === undefined ? undefined : new Set(ids);
  for (const listener of [...(listeners.get(topic) ?? [])]) listener(set);
}

/** Starts to listen to the server, for as long as the tab lives. */
export function startLive(): void {
  setInterval(() => {
    if (document.hidden) return;
    for (const topic of listeners.keys()) changed(topic);
  }, POLL_MS);
}
