import { Emitter } from "../../shared/emitter.ts";
import type { Bus, BusMessages, BusTopic } from "./bus.ts";
import { LogFollows } from "./log-follows.ts";

type Topics = { readonly [Topic in BusTopic]: Emitter<[message: BusMessages[Topic]]> };

/**
 * The bus of a server that hears from no other server. Subscribers are called before `publish` returns, in the order
 * they subscribed. If other servers share its store all the same, followers of a log read the store from time to time.
 */
export class MemoryBus implements Bus {
  private readonly topics: Topics = {
    wake: new Emitter(),
    jobs: new Emitter(),
    node: new Emitter(),
    session: new Emitter(),
    due: new Emitter(),
    files: new Emitter(),
    logs: new Emitter(),
    workflow: new Emitter(),
  };
  private readonly follows: LogFollows | undefined;
  private isClosed = false;

  constructor({ isAlone = true }: { isAlone?: boolean } = {}) {
    this.follows = isAlone ? undefined : new LogFollows();
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

  async close(): Promise<void> {
    this.isClosed = true;
    this.follows?.close();
  }
}
