import type { ComputeError } from "../../shared/errors.ts";
import { sessionEnded, tokenExpired } from "../auth/tokens.ts";
import type { Bus } from "../bus/bus.ts";
import type { Caller, StreamEvent } from "./handler.ts";

/** The longest delay of a timer; no wait is longer anyway. */
const MAX_TIMER_MS = 2_147_000_000;

/** The access of one waiting request. The wait ends when the signal aborts; the reason is a ComputeError. */
export interface WatchedAccess {
  signal: AbortSignal;
  /** Call it when the request is over. */
  close(): void;
}

/** Ends waiting requests of users when their session ends or their token expires. Nodes learn it from their polls. */
export class AccessWatch {
  private readonly open = new Map<string, Set<(reason: ComputeError) => void>>();
  private readonly unsubscribe: () => void;

  constructor(
    bus: Bus,
    private readonly now: () => number,
  ) {
    this.unsubscribe = bus.subscribe("session", ({ sessionId }) => {
      for (const end of this.open.get(sessionId) ?? []) end(sessionEnded());
    });
  }

  /** Returns undefined for a caller who is not a user: that access ends in another way, or never. */
  watch(caller: Caller): WatchedAccess | undefined {
    if (caller.kind !== "user") return undefined;
    const { sessionId } = caller;
    const access = new AbortController();
    const ends = this.open.get(sessionId) ?? new Set();
    this.open.set(sessionId, ends);
    const close = () => {
      clearTimeout(timer);
      ends.delete(end);
      if (ends.size === 0 && this.open.get(sessionId) === ends) this.open.delete(sessionId);
    };
    const end = (reason: ComputeError) => {
      close();
      access.abort(reason);
    };
    const leftMs = Math.min(MAX_TIMER_MS, Math.max(0, caller.accessUntilMs - this.now()));
    const timer = setTimeout(() => end(tokenExpired()), leftMs);
    ends.add(end);
    return { signal: access.signal, close };
  }

  close(): void {
    this.unsubscribe();
  }
}

/** The events, and one more that gives the reason if they stopped because the access ended. */
export async function* untilAccessEnds(
  events: AsyncIterable<StreamEvent[]>,
  access: WatchedAccess | undefined,
): AsyncGenerator<StreamEvent[]> {
  try {
    yield* events;
    if (!access?.signal.aborted) return;
    const { code, message } = access.signal.reason as ComputeError;
    yield [{ event: "error", data: { code, detail: message } }];
  } finally {
    access?.close();
  }
}
