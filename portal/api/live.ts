import { signal } from "@preact/signals";
import type { ActivityEvent } from "../../sdk/index.ts";
import { compute } from "./session.ts";

/** What a page shows, as far as the server says that it changed. */
export type Topic = Exclude<ActivityEvent["event"], "ready" | "reset">;

/** `ids`: what changed; undefined: anything may have. */
type Listener = (ids: ReadonlySet<string> | undefined) => void;

/** How often pages ask by themselves while the server cannot tell them. */
const POLL_MS = 15_000;
/** A break that is over before this is not worth a word. */
const SAY_AFTER_MS = 1_500;
/** How long to wait when the stream was refused. */
const REFUSED_PAUSE_MS = 5_000;
/** The connection is not given up. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

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

/** Listens to the server, for as long as the tab lives. A lost connection is shown, and is made again. */
export function startLive(): void {
  setInterval(() => {
    if (connection.value === "lost" && !document.hidden) changedAll();
  }, POLL_MS);
  void listen();
}

async function listen(): Promise<never> {
  let saying: ReturnType<typeof setTimeout> | undefined;
  const onAway = () => {
    saying ??= setTimeout(() => {
      connection.value = "lost";
    }, SAY_AFTER_MS);
  };
  const onBack = () => {
    clearTimeout(saying);
    saying = undefined;
    connection.value = "live";
  };
  let lastEventId: string | undefined;
  for (;;) {
    try {
      const patience = { firstMs: FOR_EVER_MS, awayMs: FOR_EVER_MS, onAway, onBack };
      for await (const event of compute.activity.follow({ lastEventId, ...patience })) {
        lastEventId = event.id ?? lastEventId;
        tell(event);
      }
    } catch {
      // Waiting alone does not help, for example when the sign-in has ended; the page says that in another place.
      onAway();
      await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
    }
  }
}

function tell(event: ActivityEvent): void {
  if (event.event === "ready") return;
  if (event.event === "reset") changedAll();
  else changed(event.event, idsOf(event));
}

/** What changed; undefined: that is not known. */
function idsOf(event: ActivityEvent): readonly string[] | undefined {
  switch (event.event) {
    case "jobs":
      return event.data.more ? undefined : event.data.jobIds;
    case "nodes":
      return event.data.more ? undefined : event.data.nodeIds;
    case "schedules":
      return event.data.more ? undefined : event.data.scheduleIds;
    case "templates":
      return event.data.more ? undefined : event.data.templateIds;
    default:
      return undefined;
  }
}

function changedAll(): void {
  for (const topic of listeners.keys()) changed(topic);
}
