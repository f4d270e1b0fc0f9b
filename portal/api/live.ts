import { signal } from "@preact/signals";
import type { ActivityEvent } from "../../sdk/index.ts";
import { compute, sessionState } from "./session.ts";
import { SharedStream } from "./shared-stream.ts";
import type { Connection } from "./told.ts";
import type { Me } from "./whoami.ts";

/** What a page shows, as far as the server says that it changed. */
export type Topic = Exclude<ActivityEvent["event"], "ready" | "reset">;

/** `ids`: what changed; undefined: anything may have. */
type Listener = (ids: ReadonlySet<string> | undefined) => void;

/** How often pages ask by themselves while the server cannot tell them. */
const POLL_MS = 15_000;

/** `lost`: the connection broke and is being made again; pages may be out of date. */
export const connection = signal<Connection>("live");

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

/**
 * Hears from the server for as long as the tab lives and is signed in, over one stream for all tabs of this browser that are
 * signed in as this person in this business. A lost connection is shown, and is made again.
 */
export function startLive(me: Me): void {
  setInterval(() => {
    if (connection.value === "lost" && !document.hidden) changedAll();
  }, POLL_MS);
  let stream: SharedStream | undefined;
  sessionState.subscribe((state) => {
    if (state === "signed-in") stream ??= shareStream(me);
    else {
      stream?.close();
      stream = undefined;
    }
  });
}

function shareStream({ sessionId, userId, businessId }: Me): SharedStream {
  return new SharedStream({
    name: `tanvrit.activity ${businessId} ${userId} ${sessionId}`,
    follow: (options) => compute.activity.follow(options),
    take,
    onConnection: (now) => {
      connection.value = now;
    },
    onRefused: isStillSignedIn,
  });
}

/** Asks the server. If nobody is signed in any more, the page says so in another place. */
async function isStillSignedIn(): Promise<boolean> {
  // Whatever else the server says, waiting may help.
  await compute.client.call("auth.whoami", {}).catch(() => undefined);
  return sessionState.value === "signed-in";
}

function take(event: ActivityEvent): void {
  if (event.event === "reset") changedAll();
  else if (event.event !== "ready") changed(event.event, idsOf(event));
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
