import { Emitter } from "../../shared/emitter.ts";
import type { Bus, BusMessages, BusTopic } from "./bus.ts";
import { LogFollows } from "./log-follows.ts";

/** How often a server that cannot hear the others assumes that they have changed something. */
export const UNHEARD_MS = 15_000;

type Topics = { readonly [Topic in BusTopic]: Emitter<[message: BusMessages[Topic]]> };

/**
 * The bus of a server that hears from no other server. Subscribers are called before `publish` returns, in the order
 * they subscribed. If other servers share its store all the same, followers of a log read the store from time to time.
 */
export class MemoryBus implements Bus {
  private readonly topics: Topics = {
    wake: new Emitter(),
    jobs: new Emitter(),
    activity: new Emitter(),
    node: new Emitter(),
    session: new Emitter(),
    due: new Emitter(),
    files: new Emitter(),
    logs: new Emitter(),
    workflow: new Emitter(),
  };
  private readonly follows: LogFollows | undefined;
  private readonly missed = new Emitter();
  private readonly missedTimer: ReturnType<typeof setInterval> | undefined;
  private isClosed = false;

  constructor({ isAlone = true }: { isAlone?: boolean } = {}) {
    if (isAlone) return;
    this.follows = new LogFollows();
    this.missedTimer = setInterval(() => this.missed.emit(), UNHEARD_MS);
    this.missedTimer.unref();
  }

  publish<Topic extends BusTopic>(topic: Topic, message: BusMessages[Topic]): void {
    if (!this.isClosed) this.topics[topic].emit(message);
  }

  subscribe<Topic extends BusTopic>(
    topic: Topic,
    listener: (message: BusMessages[Topic]) => void,
  ): () => void {
    return this.topics[topic].subscribe(listener);
  }

  followLogs(jobId: string, mayHaveMissed: () => void): () => void {
    return this.follows?.add(jobId, mayHaveMissed) ?? (() => undefined);
  }

  onMissed(listener: () => void): () => void {
    return this.missed.subscribe(listener);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearInterval(this.missedTimer);
    this.follows?.close();
  }
}
