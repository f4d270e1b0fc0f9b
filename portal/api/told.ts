import type { ActivityEvent } from "../../sdk/index.ts";

/** `lost`: the connection broke and is being made again. */
export type Connection = "live" | "lost";

/** What the tab that listens to the server tells the other tabs of its browser. */
export interface Told {
  /** Names the tab, and this time of listening. */
  listener: string;
  /** How many events it has passed on, this one included. */
  count: number;
  /** The id of the last event before this one: what the listener has missed nothing after. */
  before: string | undefined;
  /** Absent: the listener only says where it is. */
  event?: ActivityEvent;
  connection: Connection;
  /** Nobody sees the listening tab, and the browser lets it wait. */
  isHidden: boolean;
}

/** Up to where a tab knows the events. */
export interface Place {
  listener: string;
  count: number;
  eventId: string | undefined;
}

export function placeAfter({ listener, count, before, event }: Told): Place {
  return { listener, count, eventId: event?.id ?? before };
}

/** Whether there were events between this place and what the listener tells now. `undefined`: the tab has only begun. */
export function hasMissed(place: Place | undefined, told: Told): boolean {
  if (!place) return false;
  // Another tab listens now, and goes on after an event: the last one that is known here, or it is not certain.
  if (place.listener !== told.listener) return told.before !== place.eventId;
  return told.count > place.count + (told.event ? 1 : 0);
}

/** Whether a tab that somebody sees had better listen itself: a hidden one may take a minute to connect again. */
export function isTooSlow({ connection, isHidden }: Told): boolean {
  return connection === "lost" && isHidden;
}
