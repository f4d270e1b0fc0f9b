import { RedisClient } from "bun";
import { textOf } from "../../shared/text-of.ts";

/** Limit for connecting and for every answer; a slower Redis counts as away. */
const ANSWER_TIMEOUT_MS = 5_000;
/** Our own heartbeat must come back through Redis within this time. */
const SILENCE_MS = 15_000;

/**
 * Two connections to Redis, one to publish and one to listen, that work or fail together. A lost link never reconnects;
 * open another. Errors contain no credentials.
 */
export class RedisLink {
  /** Resolves with the reason when either connection is gone. */
  readonly lost: Promise<Error>;
  private readonly publisher: RedisClient;
  private readonly listening: RedisClient;
  /** Rejects the requests that wait for an answer when the link is lost. */
  private readonly asking = new Set<(reason: Error) => void>();
  private heardAtMs = performance.now();
  private isLost = false;
  private readonly lose: (reason: Error) => void;

  /** Connects and starts to listen on `channels`. Rejects if that does not work in time. */
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
      // The client does not say which of the two it is.
      const why = textOf(cause);
      throw new Error(`${why}: Redis is not running there, or it rejects the user and password in the URL`, {
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
    // A reconnected client would have lost its subscriptions, so a lost link is replaced instead.
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

  /** Sends a heartbeat through Redis to ourselves, and gives up the link if nothing has come back for too long. */
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

  /** Redis's answer. If none comes in time, the whole link fails, because its earlier requests may be lost too. */
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
