import type { Change } from "../../shared/activity.ts";
import type { Bus } from "../bus/bus.ts";
import type { StreamEvent } from "../http/handler.ts";
import { ActivityFeed } from "./feed.ts";

/** How long changes are remembered for a reader that may come back. */
const REMEMBER_MS = 60_000;

interface Followed {
  feed: ActivityFeed;
  readers: number;
  /** Forgets it; only while nobody reads it. */
  timer: ReturnType<typeof setTimeout> | undefined;
}

/**
 * Tells people what changes in their business. It hears everything that is announced on the bus, and keeps only what
 * concerns businesses that somebody looks at.
 */
export class ActivityHub {
  private readonly followed = new Map<string, Followed>();
  private readonly unsubscribe: (() => void)[];

  constructor(bus: Bus) {
    this.unsubscribe = [
      bus.subscribe("jobs", ({ businessId, jobIds }) =>
        this.changed(businessId, { subject: "jobs", ids: jobIds }),
      ),
      bus.subscribe("node", ({ businessId, nodeId }) =>
        this.changed(businessId, { subject: "nodes", ids: [nodeId] }),
      ),
      bus.subscribe("activity", ({ businessId, ...change }) => this.changed(businessId, change)),
      bus.onMissed(() => this.mayHaveMissed()),
    ];
  }

  /**
   * What has changed after this event, and then what changes, until the signal aborts. Without `follow` it ends after what
   * has changed so far.
   */
  async *read(
    businessId: string,
    {
      lastEventId,
      follow,
      signal,
    }: { lastEventId: string | undefined; follow: boolean; signal: AbortSignal },
  ): AsyncGenerator<StreamEvent[]> {
    const reading = this.open(businessId, signal);
    if (!reading) return;
    const { feed } = reading;
    try {
      let { seq, events } = feed.begin(lastEventId);
      yield events;
      while (!signal.aborted) {
        const news = feed.after(seq);
        if (news) {
          ({ seq, events } = news);
          yield events;
        } else if (follow) {
          await reading.untilNews();
        } else return;
      }
    } finally {
      reading.close();
    }
  }

  close(): void {
    for (const unsubscribe of this.unsubscribe) unsubscribe();
    for (const { feed, timer } of this.followed.values()) {
      clearTimeout(timer);
      feed.close();
    }
    this.followed.clear();
  }

  private changed(businessId: string, change: Change): void {
    this.followed.get(businessId)?.feed.change((changes) => changes.add(change));
  }

  private mayHaveMissed(): void {
    for (const { feed } of this.followed.values()) feed.change((changes) => changes.addAll());
  }

  private open(businessId: string, signal: AbortSignal) {
    if (signal.aborted) return undefined;
    let followed = this.followed.get(businessId);
    if (!followed) {
      followed = { feed: new ActivityFeed(), readers: 0, timer: undefined };
      this.followed.set(businessId, followed);
    }
    const { feed } = followed;
    followed.readers++;
    clearTimeout(followed.timer);
    let wake: (() => void) | undefined;
    let isClosed = false;
    const close = () => {
      signal.removeEventListener("abort", close);
      wake?.();
      if (isClosed) return;
      isClosed = true;
      this.leave(businessId, followed);
    };
    // A reader that leaves never comes back to end the iteration.
    signal.addEventListener("abort", close);
    const untilNews = async () => {
      const { promise, resolve } = Promise.withResolvers<void>();
      wake = resolve;
      const forget = feed.whenNews(resolve);
      await promise;
      forget();
    };
    return { feed, untilNews, close };
  }

  private leave(businessId: string, followed: Followed): void {
    if (--followed.readers > 0) return;
    followed.timer = setTimeout(() => {
      followed.feed.close();
      this.followed.delete(businessId);
    }, REMEMBER_MS);
    followed.timer.unref();
  }
}
