import { RedisClient } from "bun";
import { textOf } from "../../shared/text-of.ts";

/** Connecting, and every answer, takes at most this long; a server that is slower counts as away. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Our own heartbeat must come back through Redis within this. */
const SILENCE_MS = 15_000;

/**
 * Two connections to Redis, one that publishes and one that listens, as one thing that works or is lost: it never
 * repairs itself. Errors hold no credentials.
 */
export class RedisLink {
  /** Resolves with the reason when either connection is gone. */
  readonly lost: Promise<Error>;
  private readonly publisher: RedisClient;
  private readonly listening: RedisClient;
  /** Called with the reason when the link is lost: what waits for an answer. */
  private readonly asking = new Set<(reason: Error) => void>();
  private heardAtMs = performance.now();
  private isLost = false;
  private readonly lose: (reason: Error) => void;

  /** Connects and begins to listen on `channels`. Rejects where that does not work in time. */
  static async open(
    url: string,
    channels: readonly string[],
    heartbeatChannel: string,
    listener: (text: string, channel: string) => void,
  ): Promise<RedisLink> {
    const link = new RedisLink(url, heartbeatChannel, listener);
    try {
      await link.answer("connecting", Promise.all([link.publisher.connect(), link.listening.connect()]));
      await link.subscribe([heartbeatChannel, ...channels]);
      return link;
    } catch (cause) {
      link.close();
      // The client does not say which.
      const why = textOf(cause);
      throw new Error(`${why}: Redis is not there, or it refuses the user and password of the URL`, {
        cause,
      });
    }
  }

  private constructor(
    url: string,
    private readonly heartbeatChannel: string,
    private readonly listener: (text: string, channel: string) => void,
  ) {
    const lost = Promise.withResolvers<Error>();
    this.lost = lost.promise;
    this.lose = lost.resolve;
    // A lost connection forgets what it was subscribed to, so a new one is made instead.
    const options = { autoReconnect: false, enableOfflineQueue: false, connectionTimeout: ANSWER_TIMEOUT_MS };
    this.publisher = new RedisClient(url, options);
    this.listening = new RedisClient(url, options);
    for (const client of [this.publisher, this.listening]) {
      client.onclose = (error) => this.fail(error);
    }
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    const asked = channels.map((channel) => this.listening.subscribe(channel, this.receive));
    await this.answer("subscribing", Promise.all(asked));
  }

  async unsubscribe(channels: readonly string[]): Promise<void> {
    const asked = channels.map((channel) => this.listening.unsubscribe(channel));
    await this.answer("unsubscribing", Promise.all(asked));
  }

  /** Resolves when Redis has taken all of them, in order. */
  async send(messages: readonly { channel: string; text: string }[]): Promise<void> {
    const sent = messages.map(({ channel, text }) => this.publisher.publish(channel, text));
    await this.answer("publishing", Promise.all(sent));
  }

  /** Sends a heartbeat through Redis to ourselves, and gives the link up when none has come back for too long. */
  beat(): void {
    const silentMs = performance.now() - this.heardAtMs;
    if (silentMs > SILENCE_MS) this.fail(new Error(`no message came back for ${Math.round(silentMs)} ms`));
    else this.send([{ channel: this.heartbeatChannel, text: "" }]).catch((error) => this.fail(error));
  }

  close(): void {
    this.fail(new Error("closed"));
  }

  private readonly receive = (text: string, channel: string): void => {
    this.heardAtMs = performance.now();
    if (channel !== this.heartbeatChannel) this.listener(text, channel);
  };

  /** What Redis answers, if it answers in time; without an answer nothing that was asked before can be relied on. */
  private answer<T>(what: string, asked: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const giveUp = (reason: Error) => {
        clearTimeout(timer);
        this.asking.delete(giveUp);
        reject(reason);
        this.fail(reason);
      };
      const text = `${what} was not answered within ${ANSWER_TIMEOUT_MS} ms`;
      const timer = setTimeout(() => giveUp(new Error(text)), ANSWER_TIMEOUT_MS);
      if (this.isLost) giveUp(new Error("the connection is lost"));
      else this.asking.add(giveUp);
      asked.then((value) => {
        clearTimeout(timer);
        this.asking.delete(giveUp);
        resolve(value);
      }, giveUp);
    });
  }

  private fail(reason: Error): void {
    if (this.isLost) return;
    this.isLost = true;
    this.lose(reason);
    for (const giveUp of [...this.asking]) giveUp(reason);
    this.publisher.close();
    this.listening.close();
  }
}
