import { Emitter } from "../../shared/emitter.ts";
import type { Logger } from "../../shared/logger.ts";
import { backoffMs, inTime, pause } from "../../shared/wait.ts";
import { maskedUrl } from "../runtime/masked-url.ts";
import type { Bus, BusMessages, BusTopic } from "./bus.ts";
import { LogFollows } from "./log-follows.ts";
import { MemoryBus, UNHEARD_MS } from "./memory-bus.ts";
import { envelopes, OutgoingQueue } from "./outgoing.ts";
import { RedisLink } from "./redis-link.ts";

export interface RedisBusOptions {
  /** `redis://` or, with TLS, `rediss://`, with user and password. */
  url: string;
  /** Starts the name of every channel. Servers with another prefix hear nothing from this one. */
  prefix: string;
  log: Logger;
}

/** Limits of the queue while Redis is away. Messages only make things fast, so the oldest may be dropped. */
const MAX_WAITING_MESSAGES = 10_000;
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
/** About this much is sent before the bus waits for an answer. */
const SEND_BYTES = 1024 * 1024;
const BEAT_MS = 5_000;
const BACKOFF = { firstMs: 50, maxMs: 5_000 };
/** Redis drops messages for a server that is slow without a word. */
const MAYBE_MISSED_MS = 60_000;
const LAST_WORDS_MS = 1_000;
const WARN_OF_DROPS_EVERY_MS = 60_000;
const NOTICE_BYTES = 200;
/** Above what a notice may have: two messages of lines are never the same. */
const MESSAGE_OF_LINES_BYTES = 600;
const ID_BYTES = 35;
/** A job has a channel of its own for each of these topics: `logs:job_…`. */
const TOPICS_OF_JOBS = ["logs", "workflow"] as const;

/**
 * The bus of several servers, over Redis pub/sub. This server calls its own subscribers directly and ignores its own
 * messages when Redis sends them back. While Redis is away, messages still reach the subscribers of this server, and
 * periodic tasks do the rest.
 */
export class RedisBus implements Bus {
  private readonly local = new MemoryBus();
  private readonly senderId = crypto.randomUUID();
  private readonly queue = new OutgoingQueue(MAX_WAITING_MESSAGES, MAX_WAITING_BYTES);
  private readonly follows = new LogFollows(() => this.syncFollows());
  private readonly missed = new Emitter();
  private missedAtMs = performance.now();
  private readonly stopping = new AbortController();
  private readonly beatTimer: ReturnType<typeof setInterval>;
  private readonly ended: Promise<void>;
  private link: RedisLink | undefined;
  /** The jobs whose channels the current link listens on. */
  private listened = new Set<string>();
  private syncing: Promise<void> | undefined;
  private flushing: Promise<void> | undefined;
  private loggedDrops = 0;
  private dropsLoggedAtMs = Number.NEGATIVE_INFINITY;

  /** Starts to connect. Until that works, the bus behaves as if Redis were away. */
  constructor(private readonly options: RedisBusOptions) {
    this.beatTimer = setInterval(() => this.beat(), BEAT_MS);
    this.beatTimer.unref();
    this.ended = this.stayConnected();
  }

  publish<Topic extends BusTopic>(topic: Topic, message: BusMessages[Topic]): void {
    this.local.publish(topic, message);
    if (this.stopping.signal.aborted) return;
    const channel = "executionId" in message ? `${topic}:${message.jobId}` : topic;
    const bytes = sizeOf(message);
    this.queue.push({ channel, message, bytes });
    this.flushSoon();
  }

  subscribe<Topic extends BusTopic>(
    topic: Topic,
    listener: (message: BusMessages[Topic]) => void,
  ): () => void {
    return this.local.subscribe(topic, listener);
  }

  followLogs(jobId: string, mayHaveMissed: () => void): () => void {
    return this.follows.add(jobId, mayHaveMissed);
  }

  onMissed(listener: () => void): () => void {
    return this.missed.subscribe(listener);
  }

  /** Spends a moment sending the messages that wait, then disconnects. */
  async close(): Promise<void> {
    clearInterval(this.beatTimer);
    if (this.flushing) await inTime(LAST_WORDS_MS, this.flushing);
    this.stopping.abort();
    this.link?.close();
    this.follows.close();
    await this.ended;
    await this.local.close();
  }

  private async stayConnected(): Promise<void> {
    const { signal } = this.stopping;
    const { log, url } = this.options;
    const bus = maskedUrl(url);
    let isAwayLogged = false;
    for (let failures = 0; !signal.aborted; failures++) {
      const reason = await this.connectAndWait(() => {
        failures = 0;
        log.info(isAwayLogged ? "the bus is back" : "connected to the bus", {
          bus,
          dropped: this.queue.dropped,
        });
        isAwayLogged = false;
      });
      if (signal.aborted) return;
      if (!isAwayLogged) {
        log.warn("the bus is away: changes by other servers show late until it is back; trying again", {
          bus,
          why: reason.message,
        });
      }
      isAwayLogged = true;
      await pause(backoffMs(BACKOFF, failures), signal);
    }
  }

  /** Resolves with the reason why connecting failed or the link was lost. */
  private async connectAndWait(onConnected: () => void): Promise<Error> {
    const { url, prefix } = this.options;
    try {
      const channels = (["wake", "jobs", "activity", "node", "session", "due", "files"] as const).map(
        (topic) => prefix + topic,
      );
      const link = await RedisLink.open(url, channels, `${prefix}server:${this.senderId}`, this.receive);
      if (this.stopping.signal.aborted) link.close();
      this.link = link;
      this.listened = new Set();
      onConnected();
      this.mayHaveMissed();
      this.syncFollows();
      this.flushSoon();
      return await link.lost;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    } finally {
      this.link = undefined;
    }
  }

  private readonly receive = (text: string, channel: string): void => {
    if (text.startsWith(this.senderId)) return;
    const [topic] = channel.slice(this.options.prefix.length).split(":", 1) as [BusTopic];
    try {
      const messages = JSON.parse(text.slice(text.indexOf(" ") + 1)) as BusMessages[BusTopic][];
      for (const message of messages) this.local.publish(topic, message);
    } catch (error) {
      this.options.log.warn("ignored a bus message that cannot be read", { channel, error });
    }
  };

  private flushSoon(): void {
    if (!this.link || this.flushing || this.queue.size === 0) return;
    // Everything published in this turn of the event loop is sent together.
    this.flushing = new Promise((resolve) => setImmediate(resolve))
      .then(() => this.flush())
      .finally(() => {
        this.flushing = undefined;
        this.flushSoon();
      });
  }

  private async flush(): Promise<void> {
    while (this.link && this.queue.size > 0) {
      const items = this.queue.take(SEND_BYTES);
      const messages = envelopes(items).map(({ channel, json }) => ({
        channel: this.options.prefix + channel,
        text: `${this.senderId} ${json}`,
      }));
      try {
        await this.link.send(messages);
      } catch {
        // The link is lost; `stayConnected` logs that. The next link sends these messages.
        this.queue.giveBack(items);
        return;
      }
    }
  }

  /** Makes the link listen for exactly the followed jobs, one change at a time. */
  private syncFollows(): void {
    const { link } = this;
    if (!link || this.syncing) return;
    const wanted = this.follows.jobIds().filter((jobId) => !this.listened.has(jobId));
    const unwanted = [...this.listened].filter((jobId) => !this.follows.has(jobId));
    if (wanted.length === 0 && unwanted.length === 0) return;
    this.syncing = this.listen(link, wanted, unwanted)
      // The link is lost, and the next one starts over.
      .catch(() => undefined)
      .finally(() => {
        this.syncing = undefined;
        this.syncFollows();
      });
  }

  private async listen(link: RedisLink, wanted: string[], unwanted: string[]): Promise<void> {
    const { listened } = this;
    const channelsOf = (jobIds: string[]) =>
      jobIds.flatMap((jobId) => TOPICS_OF_JOBS.map((topic) => `${this.options.prefix}${topic}:${jobId}`));
    for (const jobId of unwanted) listened.delete(jobId);
    for (const jobId of wanted) listened.add(jobId);
    if (unwanted.length > 0) await link.unsubscribe(channelsOf(unwanted));
    if (wanted.length > 0) await link.subscribe(channelsOf(wanted));
    for (const jobId of wanted) this.follows.missed(jobId);
  }

  private mayHaveMissed(): void {
    this.missedAtMs = performance.now();
    this.missed.emit();
  }

  private beat(): void {
    this.link?.beat();
    const silentMs = this.link ? MAYBE_MISSED_MS : UNHEARD_MS;
    if (performance.now() - this.missedAtMs >= silentMs) this.mayHaveMissed();
    const dropped = this.queue.dropped - this.loggedDrops;
    const nowMs = performance.now();
    if (dropped === 0 || nowMs - this.dropsLoggedAtMs < WARN_OF_DROPS_EVERY_MS) return;
    this.loggedDrops = this.queue.dropped;
    this.dropsLoggedAtMs = nowMs;
    const text =
      "the bus is too slow: messages to other servers were dropped, so this server's changes show there late";
    this.options.log.warn(text, { dropped });
  }
}

function sizeOf(message: BusMessages[BusTopic]): number {
  if ("lines" in message) return MESSAGE_OF_LINES_BYTES + message.lines.length;
  if ("events" in message) return NOTICE_BYTES + JSON.stringify(message.events).length;
  const ids = "jobIds" in message ? message.jobIds : "subject" in message ? message.ids : undefined;
  return NOTICE_BYTES + (ids?.length ?? 0) * ID_BYTES;
}
