import type { ActivityEvent, ActivityOptions } from "../../sdk/index.ts";
import { type Connection, hasMissed, isTooSlow, type Place, placeAfter, type Told } from "./told.ts";

export interface SharedStreamParts {
  /** Tabs with the same name share one stream. */
  name: string;
  /** The stream of the server: resumes where it breaks, and throws only if waiting alone does not help. */
  follow(options: ActivityOptions): AsyncIterable<ActivityEvent>;
  /** Takes an event; `reset` also if this tab may have missed some. Never `ready`. */
  take(event: ActivityEvent): void;
  onConnection(connection: Connection): void;
  /** The server refuses the stream. Resolves with whether this tab is still signed in. */
  onRefused(): Promise<boolean>;
}

/** What tabs say to each other, besides what the listener tells. */
type Word = { told: Told } | "where are you?" | "refused";

/** A tab that somebody sees asks this often whether the listener is still there. */
const ASK_EVERY_MS = 10_000;
/** A listener that does not answer for so long is passed over: browsers stop tabs that nobody sees. */
const SILENT_MS = 8_000;
/** A break that is over before this is not worth a word. */
const SAY_AFTER_MS = 1_500;
/** How long to wait when the stream was refused. */
const REFUSED_PAUSE_MS = 5_000;
/** The connection is not given up. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

/**
 * One stream of events for all tabs of a browser, which has only six connections to a server over HTTP/1.1. The tab that has
 * the lock listens and tells the others; when it is closed, the next one gets the lock and goes on after the last event.
 */
export class SharedStream {
  private readonly channel: BroadcastChannel;
  private readonly closed = new AbortController();
  private place: Place | undefined;
  private connection: Connection = "live";
  /** Ends this tab's time of listening; undefined: another tab listens. */
  private listening: AbortController | undefined;
  /** Ends the wait for the lock. */
  private waiting = new AbortController();
  private silence: ReturnType<typeof setTimeout> | undefined;
  private saying: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly parts: SharedStreamParts) {
    this.channel = new BroadcastChannel(parts.name);
    const { signal } = this.closed;
    this.channel.addEventListener("message", ({ data }) => this.hear(data as Word), { signal });
    for (const name of ["visibilitychange", "resume"])
      document.addEventListener(name, () => this.lookedAt(), { signal });
    const asking = setInterval(() => this.ask(), ASK_EVERY_MS);
    signal.addEventListener("abort", () => {
      clearInterval(asking);
      clearTimeout(this.silence);
      this.stopSaying();
      this.waiting.abort();
      this.listening?.abort();
      this.channel.close();
    });
    void this.run();
    this.ask();
  }

  /** This tab neither listens nor hears any more. */
  close(): void {
    this.closed.abort();
  }

  private async run(): Promise<void> {
    let steal = false;
    while (!this.closed.signal.aborted) {
      this.waiting = new AbortController();
      const options: LockOptions = steal ? { steal } : { signal: this.waiting.signal };
      try {
        await navigator.locks.request(this.parts.name, options, () => this.listen());
      } catch {
        // Another tab took the lock away, or this one is about to do so.
      }
      this.listening?.abort();
      this.listening = undefined;
      this.stopSaying();
      steal = this.waiting.signal.aborted;
      this.ask();
    }
  }

  /** Holds the lock until its time of listening ends. */
  private async listen(): Promise<void> {
    const ended = new AbortController();
    this.listening = ended;
    clearTimeout(this.silence);
    const { signal } = ended;
    this.place = { listener: crypto.randomUUID(), count: 0, eventId: this.place?.eventId };
    this.tell();
    while (!signal.aborted) {
      try {
        await this.pass(signal);
      } catch {
        if (signal.aborted) return;
        this.away();
        this.post("refused");
        if (!(await this.parts.onRefused())) return this.close();
        await new Promise((resolve) => setTimeout(resolve, REFUSED_PAUSE_MS));
      }
    }
  }

  /** Takes the events of the server, and tells the other tabs. */
  private async pass(signal: AbortSignal): Promise<void> {
    const lastEventId = this.place?.eventId;
    const patience = { firstMs: FOR_EVER_MS, awayMs: FOR_EVER_MS };
    const ways = { onAway: () => this.away(), onBack: () => this.back() };
    let mayHaveMissed = lastEventId === undefined;
    for await (const event of this.parts.follow({ signal, lastEventId, ...patience, ...ways })) {
      if (signal.aborted) return;
      this.back();
      // What changed before this stream began is in none.
      const isNews = event.event !== "ready" || mayHaveMissed;
      mayHaveMissed = false;
      if (!isNews) continue;
      const passed: ActivityEvent = event.event === "ready" ? { ...event, event: "reset" } : event;
      this.tell(passed);
      this.parts.take(passed);
    }
  }

  /** Tells the other tabs an event, or only where this one is. */
  private tell(event?: ActivityEvent): void {
    if (!this.place) return;
    const { listener, count, eventId: before } = this.place;
    const { connection } = this;
    const next = count + (event ? 1 : 0);
    const told: Told = { listener, count: next, before, event, connection, isHidden: document.hidden };
    this.place = placeAfter(told);
    this.post({ told });
  }

  private hear(word: Word): void {
    if (word === "refused") void this.parts.onRefused().then((isSignedIn) => isSignedIn || this.close());
    else if (word === "where are you?") {
      if (this.listening) this.tell();
    } else if (!this.listening) this.follow(word.told);
  }

  private follow(told: Told): void {
    clearTimeout(this.silence);
    this.silence = undefined;
    const missed = hasMissed(this.place, told);
    this.place = placeAfter(told);
    this.setConnection(told.connection);
    if (missed) this.parts.take({ event: "reset", data: {} });
    else if (told.event) this.parts.take(told.event);
    if (isTooSlow(told) && !document.hidden) this.takeOver();
  }

  /** Asks the listener where it is: what this tab has missed shows, and whether anybody listens. */
  private ask(): void {
    if (this.listening || document.hidden || this.closed.signal.aborted) return;
    this.post("where are you?");
    this.silence ??= setTimeout(() => {
      this.silence = undefined;
      if (!document.hidden && !this.listening) this.takeOver();
    }, SILENT_MS);
  }

  private lookedAt(): void {
    if (this.listening) this.tell();
    else this.ask();
  }

  private takeOver(): void {
    this.waiting.abort();
  }

  private post(word: Word): void {
    if (!this.closed.signal.aborted) this.channel.postMessage(word);
  }

  private away(): void {
    this.saying ??= setTimeout(() => this.setConnection("lost"), SAY_AFTER_MS);
  }

  private back(): void {
    this.stopSaying();
    this.setConnection("live");
  }

  private stopSaying(): void {
    clearTimeout(this.saying);
    this.saying = undefined;
  }

  private setConnection(connection: Connection): void {
    if (this.connection === connection) return;
    this.connection = connection;
    this.parts.onConnection(connection);
    if (this.listening) this.tell();
  }
}
